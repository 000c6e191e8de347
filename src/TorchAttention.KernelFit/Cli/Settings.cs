using System.Collections;
using System.CommandLine.Parsing;

namespace TorchAttention.Cli;

/// <summary>
/// What the environment and a file say beside the command line, by keys such as <c>Cluster:Address</c>: each is an option by another way,
/// and is checked as that.
/// </summary>
/// <param name="options">The options by their keys.</param>
/// <param name="passedOn">The first parts of keys that others read.</param>
internal sealed class Settings(IReadOnlyDictionary<string, Option> options, params string[] passedOn)
{
    /// <summary>What variables begin with; in their names two underscores stand between the parts of a key.</summary>
    public const string Prefix = "TORCHATTENTION_";

    /// <summary>The file that is read where it is there.</summary>
    public const string UsualFile = "appsettings.json";

    private const string Separator = "__";

    private static readonly JsonDocumentOptions _json = new() { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip };

    private readonly Dictionary<string, Option> _options = new(options, StringComparer.OrdinalIgnoreCase);

    private IEnumerable<string> Sections => _options.Keys.Select(SectionOf).Concat(passedOn).Distinct();

    /// <summary>The key of an option by its name: <c>--max-rows</c> of <c>Serve</c> is <c>Serve:MaxRows</c>.</summary>
    public static string KeyOf(string section, Option option) =>
        $"{section}:{string.Concat(option.Name[2..].Split('-').Select(part => char.ToUpperInvariant(part[0]) + part[1..]))}";

    /// <summary>What an option says, or else the environment.</summary>
    /// <param name="parsed">The command line; null where the option is not on it.</param>
    /// <param name="option">The option.</param>
    /// <param name="key">Its key.</param>
    public static string? TextOf(ParseResult? parsed, Option<string?> option, string key) => parsed?.GetValue(option) ?? OfEnvironment([])
        .Where(setting => setting.Key.Equals(key, StringComparison.OrdinalIgnoreCase)).Select(setting => setting.Value).LastOrDefault();

    /// <summary>Runs a command with what a file, and before it the environment, say of options that its line does not name.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="file">The file; null for <see cref="UsualFile"/>, which need not be there.</param>
    /// <param name="isMeant">Whether an option is wanted, given all that are named anywhere.</param>
    /// <param name="run">The command.</param>
    /// <exception cref="CliException">A key is unknown, or a value is none of its option's.</exception>
    public int Run(
        ParseResult parsed, string? file, Func<IReadOnlyCollection<Option>, Option, bool> isMeant, Func<ParseResult, int> run)
    {
        string[] path = PathOf(parsed.CommandResult);
        Command root = parsed.RootCommandResult.Command;
        Dictionary<Option, (string Argument, string Source)> said = [];
        foreach (Setting setting in OfFile(file).Concat(OfEnvironment([.. Sections])))
        {
            if (!passedOn.Contains(SectionOf(setting.Key), StringComparer.OrdinalIgnoreCase))
            {
                Option option = Find(setting);
                said[option] = ($"{option.Name}={setting.Value}", $"{option.Name} is from {setting.Source}");
                ParseResult alone = Parse(root, [.. path, said[option].Argument]);
                if (setting.Value.Length == 0 || alone.Errors.Count > 0)
                {
                    string what = setting.Value.Length == 0 ? "expected a value, got ''" : alone.Errors[0].Message;
                    throw CliException.WrongInput($"{setting.Source}: {what}");
                }
            }
        }

        HashSet<Option> given = [.. parsed.CommandResult.Command.Options.Where(option => parsed.GetResult(option) is { Implicit: false })];
        HashSet<Option> all = [.. given, .. said.Keys];
        (string Argument, string Source)[] more =
            [.. said.Where(one => !given.Contains(one.Key) && isMeant(all, one.Key)).Select(one => one.Value)];
        if (more.Length == 0)
        {
            return run(parsed);
        }

        try
        {
            IEnumerable<string> arguments = more.Select(one => one.Argument);
            return run(Parse(root, [.. path, .. arguments, .. parsed.Tokens.Skip(path.Length).Select(token => token.Value)]));
        }
        catch (CliException e) when (e.ExitCode == ExitCode.WrongInput)
        {
            throw CliException.WrongInput($"{e.Message} ({string.Join(", ", more.Select(one => one.Source))})", e);
        }
    }

    private static IEnumerable<Setting> OfEnvironment(string[] sections) =>
        Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
            .Select(entry => (Name: (string)entry.Key, Value: (string?)entry.Value ?? ""))
            .Where(entry => entry.Name.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase)
                && (entry.Name.Contains(Separator, StringComparison.Ordinal) || Array.Exists(
                    sections, section => entry.Name[Prefix.Length..].StartsWith(section + "_", StringComparison.OrdinalIgnoreCase))))
            .OrderBy(entry => entry.Name, StringComparer.Ordinal)
            .Select(entry => new Setting(
                entry.Name[Prefix.Length..].Replace(Separator, ":", StringComparison.Ordinal), entry.Value, entry.Name));

    private static IEnumerable<Setting> OfFile(string? file)
    {
        string path = file ?? UsualFile;
        if (file is null && !File.Exists(path))
        {
            return [];
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path).AsMemory(), _json);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? [.. Flatten(document.RootElement, "").Select(one => new Setting(one.Key, one.Value, $"{path}: {one.Key}"))]
                : throw CliException.WrongInput(
                    $"{path}: expected an object of settings, got {Options.Name(document.RootElement.ValueKind)}");
        }
        catch (JsonException e)
        {
            throw CliException.WrongInput($"{path}: expected JSON, line {e.LineNumber + 1} is none", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            string option = file is null ? "" : "--config: ";
            throw CliException.WrongInput($"{option}'{PlainText.Brief(path)}' cannot be read ({SystemReason.Describe(e)})", e);
        }
    }

    // A list is one value, as on the command line: its parts with commas between.
    private static IEnumerable<(string Key, string Value)> Flatten(JsonElement element, string key) => element.ValueKind switch
    {
        JsonValueKind.Object => element.EnumerateObject().SelectMany(
            one => Flatten(one.Value, key.Length == 0 ? one.Name : $"{key}:{one.Name}")),
        JsonValueKind.Array => [(key, string.Join(',', element.EnumerateArray().Select(TextOf)))],
        JsonValueKind.Null => [],
        _ => [(key, TextOf(element))],
    };

    private static string TextOf(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.String => element.GetString()!,
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        _ => element.GetRawText(),
    };

    private Option Find(Setting setting)
    {
        if (_options.TryGetValue(setting.Key, out Option? option))
        {
            return option;
        }

        IEnumerable<string> known = _options.Where(one => !one.Value.Hidden).Select(one => one.Key);
        string first = SectionOf(setting.Key);
        string[] near = [.. known.Where(key => SectionOf(key).Equals(first, StringComparison.OrdinalIgnoreCase))];
        string there = near.Length > 0 ? $"{first} has {string.Join(", ", near.Select(key => key[(first.Length + 1)..]))}"
            : $"keys begin with {string.Join(", ", Sections)}";
        throw CliException.WrongInput(
            $"{setting.Source}: no key '{PlainText.Brief(setting.Key)}'{PlainText.DidYouMean(setting.Key, known)}; {there}");
    }

    private static string SectionOf(string key) => key.Split(':')[0];

    private static string[] PathOf(CommandResult command)
    {
        List<string> path = [];
        for (CommandResult? one = command; one?.Parent is CommandResult parent; one = parent)
        {
            path.Insert(0, one.Command.Name);
        }

        return [.. path];
    }

    private static ParseResult Parse(Command root, string[] arguments) =>
        root.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
}

/// <summary>One of them.</summary>
/// <param name="Key">Its key.</param>
/// <param name="Value">Its value.</param>
/// <param name="Source">The variable, or the file and the key, for messages.</param>
internal sealed record Setting(string Key, string Value, string Source);
