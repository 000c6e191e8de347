using System.Numerics;

namespace TorchAttention.Cli;

/// <summary>Options whose messages say what was expected and what came.</summary>
internal static class Options
{
    public static Option<int?> WholeNumber(string name, string description, int least) =>
        Number<int>(name, description, $"a whole number of at least {least}", NumberStyles.AllowLeadingSign, value => value >= least);

    public static Option<int?> WholeNumber(string name, string description, int least, int most) => Number<int>(
        name, description, $"a whole number from {least} to {most}", NumberStyles.AllowLeadingSign,
        value => value >= least && value <= most);

    /// <summary>Whole numbers separated by commas.</summary>
    public static Option<IReadOnlyList<int>?> WholeNumbers(string name, string description, int least) => new(name)
    {
        Description = description,
        HelpName = "numbers",
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            int[] values = [.. text.Split(',').Select(part =>
                int.TryParse(part.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out int value) ? value : least - 1)];
            if (Array.TrueForAll(values, value => value >= least))
            {
                return values;
            }

            result.AddError($"{name}: expected whole numbers of at least {least} separated by commas, got '{text}'");
            return null;
        },
    };

    public static Option<ulong?> Seed(ulong usual) =>
        Number<ulong>(
            "--seed",
            "Fixes every random draw, noise, split and order, as PyTorch's manual_seed: "
                + $"the same seed gives the same run (default {usual})",
            $"a whole number from 0 to {ulong.MaxValue}",
            NumberStyles.None,
            _ => true);

    public static Option<double?> PositiveNumber(string name, string description) =>
        Number(name, description, "a positive number that float32 can hold", value => value > 0 && float.IsNormal((float)value));

    /// <summary>The numbers of an option; null where it is not given, for which the command line has an empty array.</summary>
    public static double[]? NumbersOf(this ParseResult parsed, Option<double[]?> option) =>
        parsed.GetValue(option) is { Length: > 0 } numbers ? numbers : null;

    /// <summary>One positive number, or several separated by commas.</summary>
    public static Option<double[]?> PositiveNumbers(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "numbers",
        Arity = ArgumentArity.ExactlyOne,
        CustomParser = result =>
        {
            var numbers = new List<double>();
            foreach (string text in result.Tokens[0].Value.Split(','))
            {
                if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number)
                    || !(number > 0 && float.IsNormal((float)number)))
                {
                    result.AddError($"{name}: expected a positive number that float32 can hold, got '{text}'");
                    return null;
                }

                numbers.Add(number);
            }

            return [.. numbers];
        },
    };

    public static Option<double?> NotNegativeNumber(string name, string description) =>
        Number(name, description, "a number of at least 0 that float32 can hold", value => value >= 0 && float.IsFinite((float)value));

    public static Option<double?> Fraction(string name, string description) =>
        Number(name, description, "a number between 0 and 1", value => value is > 0 and < 1);

    /// <summary>Gives a command several options.</summary>
    public static void AddAll(this Command command, params IEnumerable<Option> options)
    {
        foreach (Option option in options)
        {
            command.Add(option);
        }
    }

    /// <summary>The option that names the data.</summary>
    public const string Data = "--data";

    /// <summary>The data without their option's name; <see cref="Entry.CommandLine"/> takes it for <see cref="Data"/>.</summary>
    public static Argument<string?> DataAlone() => new("data")
    {
        Description = $"The same as {Data}",
        Arity = ArgumentArity.ZeroOrOne,
    };

    /// <summary>Where a run goes.</summary>
    public static Option<string?> Out() => Text("--out", "folder", "The run's folder (default runs/<data>-<UTC time>)");

    /// <summary>An option that takes a text.</summary>
    public static Option<string?> Text(string name, string helpName, string description) =>
        new(name) { Description = description, HelpName = helpName };

    /// <summary>An option that is given or not.</summary>
    public static Option<bool> Flag(string name, string description) => new(name) { Description = description };

    public static Option<bool> NoPlots() => Flag("--no-plots", "Draw no pictures");

    public static Option<bool> Quiet() => Flag("--quiet", "Print nothing but errors");

    public static Option<bool> Json(string what) => Flag("--json", $"Print {what} and nothing else");

    /// <summary>A value's name on the command line.</summary>
    public static string Name<T>(T value)
        where T : struct, Enum =>
        value.ToString().ToLowerInvariant();

    /// <summary>All values by name.</summary>
    public static Dictionary<string, T> Names<T>()
        where T : struct, Enum =>
        Enum.GetValues<T>().ToDictionary(Name);

    /// <summary>An option that takes one of some names.</summary>
    public static Option<T> OneOf<T>(string name, string description, T usual, IReadOnlyDictionary<string, T> values)
    {
        string usualName = values.First(pair => Equals(pair.Value, usual)).Key;
        return new Option<T>(name)
        {
            Description = $"{description}: {string.Join(", ", values.Keys)} (default {usualName})",
            HelpName = name.TrimStart('-'),
            CustomParser = result =>
            {
                string text = result.Tokens[0].Value;
                if (values.TryGetValue(text.ToLowerInvariant(), out T? value))
                {
                    return value;
                }

                result.AddError($"{name}: expected one of {string.Join(", ", values.Keys)}, got '{text}'");
                return usual;
            },
        };
    }

    private static Option<double?> Number(string name, string description, string expected, Func<double, bool> isValid) =>
        Number(name, description, expected, NumberStyles.Float, isValid);

    private static Option<T?> Number<T>(string name, string description, string expected, NumberStyles style, Func<T, bool> isValid)
        where T : struct, INumberBase<T>
    {
        return new Option<T?>(name)
        {
            Description = description,
            HelpName = "number",
            CustomParser = result =>
            {
                string text = result.Tokens[0].Value;
                if (T.TryParse(text, style, CultureInfo.InvariantCulture, out T value) && isValid(value))
                {
                    return value;
                }

                result.AddError($"{name}: expected {expected}, got '{text}'");
                return null;
            },
        };
    }
}
