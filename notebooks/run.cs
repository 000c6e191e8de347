#:project ../src/TorchAttention/TorchAttention.csproj
#:project ../src/TorchAttention.Plotting/TorchAttention.Plotting.csproj
#:package Microsoft.CodeAnalysis.CSharp.Scripting
#:property UsesLibTorch=true
#:property UseCurrentRuntimeIdentifier=true
#:property SelfContained=false
#:property PublishAot=false
#:property TieredPGO=false

// Runs a C# notebook: all code cells in order, in one state, and writes what they print and draw back into the file. A cell that begins
// with #r "nuget: is for a notebook tool, which takes packages from a server, and is passed over: this program has the projects themselves.
// A cell that fails stops the run and leaves the file as it was. Exit codes: 0 done, 1 a cell failed or a check found a difference, 2 wrong
// arguments or no notebook.

using System.Collections;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Scripting;
using Microsoft.CodeAnalysis.CSharp.Scripting.Hosting;
using Microsoft.CodeAnalysis.Scripting;
using Microsoft.CodeAnalysis.Scripting.Hosting;
using TorchAttention;
using TorchAttention.Numerics.Tables;
using TorchAttention.Plotting;
using TorchSharp;

try
{
    Arguments arguments = Arguments.Parse(args);
    Notebook notebook = Notebook.Open(arguments.Input);
    LibTorch.EnsureLoaded();
    var clock = Stopwatch.StartNew();
    IReadOnlyList<JsonArray> outputs = notebook.Run();
    string ran = $"{outputs.Count} code cells in {clock.Elapsed.TotalSeconds.ToString("F1", CultureInfo.InvariantCulture)} s";
    if (arguments.Check)
    {
        notebook.CompareWith(outputs);
        Console.WriteLine($"{notebook.Name}: {ran}, as saved");
    }
    else
    {
        string output = arguments.Output ?? notebook.Path;
        notebook.Save(output, outputs);
        Console.WriteLine($"{notebook.Name}: {ran}, written to {output}");
    }

    return 0;
}
catch (RunException e)
{
    return Fail(e.Message, e.ExitCode);
}
catch (LibTorchNotLoadedException e)
{
    return Fail(e.Message, RunException.Failed);
}
catch (Exception e) when (e is IOException or UnauthorizedAccessException)
{
    return Fail(e.Message, RunException.Failed);
}

static int Fail(string message, int exitCode)
{
    Console.Error.WriteLine($"error: {message}");
    return exitCode;
}

/// <summary>Why a run ended early, in one line.</summary>
internal sealed class RunException(string message, int exitCode) : Exception(message)
{
    public const int Failed = 1;
    public const int Wrong = 2;

    public int ExitCode { get; } = exitCode;
}

/// <summary>What the command line asks for.</summary>
internal sealed record Arguments(string Input, string? Output, bool Check)
{
    private const string Usage = "usage: dotnet run notebooks/run.cs NOTEBOOK.ipynb [--check | --output FILE]";

    public static Arguments Parse(string[] args)
    {
        string? input = null;
        string? output = null;
        bool check = false;
        for (int i = 0; i < args.Length; i++)
        {
            switch (args[i])
            {
                case "--check":
                    check = true;
                    break;
                case "--output" when i + 1 < args.Length && output is null:
                    output = args[++i];
                    break;
                case [not '-', ..] when input is null:
                    input = args[i];
                    break;
                default:
                    throw new RunException($"unexpected argument '{args[i]}'; {Usage}", RunException.Wrong);
            }
        }

        if (input is null || (check && output is not null))
        {
            throw new RunException(Usage, RunException.Wrong);
        }

        if (output is not null && !Directory.Exists(Path.GetDirectoryName(Path.GetFullPath(output))))
        {
            throw new RunException($"no such folder to write to: {Path.GetDirectoryName(Path.GetFullPath(output))}", RunException.Wrong);
        }

        return new Arguments(Find(input), output, check);
    }

    private static string Find(string name)
    {
        string besideThisFile = Path.Combine(AppContext.GetData("EntryPointFileDirectoryPath") as string ?? "", name);
        return File.Exists(name) ? name
            : File.Exists(besideThisFile) ? besideThisFile
            : throw new RunException($"no such file: {name}", RunException.Wrong);
    }
}

/// <summary>A notebook file, format 4.5.</summary>
internal sealed class Notebook
{
    private const string Language = "C#";
    private const string PackageLine = "#r \"nuget:";

    private readonly JsonObject _root;

    private Notebook(string path, JsonObject root)
    {
        Path = path;
        _root = root;
        Cells = [.. _root["cells"]!.AsArray().Select((cell, i) => (i + 1, cell!.AsObject()))];
        CodeCells = [.. Cells.Where(cell => (string?)cell.Cell["cell_type"] == "code")];
    }

    public string Path { get; }

    public string Name => System.IO.Path.GetFileName(Path);

    private (int Number, JsonObject Cell)[] Cells { get; }

    private (int Number, JsonObject Cell)[] CodeCells { get; }

    public static Notebook Open(string path)
    {
        try
        {
            if (JsonNode.Parse(File.ReadAllText(path)) is not JsonObject root || root["cells"] is not JsonArray cells
                || !cells.All(cell => cell is JsonObject) || (int?)root["nbformat"] != 4)
            {
                throw new RunException($"{path}: not a notebook of format 4", RunException.Wrong);
            }

            return (string?)root["metadata"]?["kernelspec"]?["language"] is string language && language != Language
                ? throw new RunException($"{path}: a notebook in {language}, expected {Language}", RunException.Wrong)
                : new Notebook(path, root);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or ArgumentException)
        {
            throw new RunException($"{path}: not a notebook: {Text.OneLine(e.Message)}", RunException.Wrong);
        }
    }

    /// <summary>Runs all code cells.</summary>
    /// <returns>The outputs of each.</returns>
    public IReadOnlyList<JsonArray> Run()
    {
        var kernel = new Kernel();
        var outputs = new List<JsonArray>();
        foreach ((int count, (int number, JsonObject cell)) in CodeCells.Index())
        {
            try
            {
                string code = Text.Join(cell["source"]);
                outputs.Add(code.StartsWith(PackageLine, StringComparison.Ordinal) ? [] : kernel.Execute(code, count + 1));
            }
            catch (CompilationErrorException e)
            {
                throw Failure(
                    number, count + 1, e.Diagnostics.First(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error).ToString());
            }
            catch (Exception e)
            {
                throw Failure(number, count + 1, $"{e.GetType().Name}: {e.Message}");
            }
        }

        return outputs;
    }

    /// <summary>
    /// Compares outputs with those in the file: texts, numbers in them up to one unit in the last place, and that pictures are there.
    /// </summary>
    /// <exception cref="RunException">A cell's outputs differ.</exception>
    public void CompareWith(IReadOnlyList<JsonArray> outputs)
    {
        foreach ((int i, (int number, JsonObject cell)) in CodeCells.Index())
        {
            string[] saved = Outputs.Lines(cell["outputs"] as JsonArray ?? []);
            string[] now = Outputs.Lines(outputs[i]);
            for (int line = 0; line < Math.Max(saved.Length, now.Length); line++)
            {
                string? was = saved.ElementAtOrDefault(line);
                string? here = now.ElementAtOrDefault(line);
                if (was is null || here is null || !Text.AreAlike(was, here))
                {
                    throw Failure(number, i + 1, $"saved is {Quote(was)}, this run gave {Quote(here)}");
                }
            }
        }

        static string Quote(string? line) => line is null ? "nothing more" : $"'{line}'";
    }

    /// <summary>Writes the notebook with the given outputs, whole or not at all.</summary>
    public void Save(string path, IReadOnlyList<JsonArray> outputs)
    {
        foreach ((int number, JsonObject cell) in Cells)
        {
            cell["id"] ??= $"cell-{number}";
            cell["metadata"] ??= new JsonObject();
        }

        foreach ((int i, (_, JsonObject cell)) in CodeCells.Index())
        {
            cell["execution_count"] = i + 1;
            cell["outputs"] = outputs[i];
        }

        var metadata = _root["metadata"] as JsonObject ?? [];
        metadata["kernelspec"] = new JsonObject { ["display_name"] = ".NET (C#)", ["language"] = Language, ["name"] = ".net-csharp" };
        metadata["language_info"] = new JsonObject
        {
            ["file_extension"] = ".cs",
            ["mimetype"] = "text/x-csharp",
            ["name"] = Language,
            ["pygments_lexer"] = "csharp",
        };
        _root["metadata"] = metadata.DeepClone();
        _root["nbformat_minor"] = Math.Max(5, (int?)_root["nbformat_minor"] ?? 0);

        // As Jupyter writes: names sorted, one space of indent, one newline at the end.
        using var buffer = new MemoryStream();
        var options = new JsonWriterOptions
        {
            Indented = true,
            IndentSize = 1,
            NewLine = "\n",
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        };
        using (var writer = new Utf8JsonWriter(buffer, options))
        {
            Sorted(_root)!.WriteTo(writer);
        }

        buffer.WriteByte((byte)'\n');
        WholeFile.Write(path, stream => buffer.WriteTo(stream));
    }

    private static JsonNode? Sorted(JsonNode? node) => node switch
    {
        JsonObject members => new JsonObject(members.OrderBy(member => member.Key, StringComparer.Ordinal)
            .Select(member => KeyValuePair.Create(member.Key, Sorted(member.Value)))),
        JsonArray items => new JsonArray([.. items.Select(Sorted)]),
        _ => node?.DeepClone(),
    };

    private RunException Failure(int number, int codeCell, string problem) =>
        new($"{Name}: cell {number} (code cell {codeCell}): {Text.OneLine(problem)}", RunException.Failed);
}

/// <summary>The state that a notebook's cells share.</summary>
internal sealed class Kernel
{
    private readonly CellGlobals _globals = new();
    private ScriptState<object>? _state;

    /// <summary>Runs one cell.</summary>
    /// <returns>What it printed, displayed and ended with.</returns>
    public JsonArray Execute(string code, int executionCount)
    {
        var outputs = new Outputs();
        _globals.Outputs = outputs;
        (TextWriter console, TextWriter errors) = (Console.Out, Console.Error);
        Console.SetOut(new StreamOutput("stdout", outputs));
        Console.SetError(new StreamOutput("stderr", outputs));
        try
        {
            _state = (_state is null ? Start(code).RunAsync(_globals) : _state.ContinueWithAsync<object>(code)).GetAwaiter().GetResult();
        }
        finally
        {
            Console.SetOut(console);
            Console.SetError(errors);
        }

        if (_state.ReturnValue is not null)
        {
            outputs.Add(_state.ReturnValue, executionCount);
        }

        return outputs.ToJson();
    }

    private static Script<object> Start(string code)
    {
        // Cells see the assemblies that this program runs with, not second copies of them.
        var loader = new InteractiveAssemblyLoader();
        var references = new List<MetadataReference>();
        foreach (string path in
            ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries))
        {
            references.Add(MetadataReference.CreateFromFile(path));
        }

        foreach (Type type in new[] { typeof(CellGlobals), typeof(LibTorch), typeof(Table), typeof(Figure), typeof(torch) })
        {
            loader.RegisterDependency(type.Assembly);
        }

        ScriptOptions options = ScriptOptions.Default.WithReferences(references).WithOptimizationLevel(OptimizationLevel.Release)
            .WithImports("System", "System.Collections.Generic", "System.IO", "System.Linq");
        return CSharpScript.Create<object>(code, options, typeof(CellGlobals), loader);
    }
}

/// <summary>What every cell can call.</summary>
[SuppressMessage("Design", "CA1050", Justification = "Cells see public types alone, and a file like this one has no namespace.")]
public sealed class CellGlobals
{
    internal Outputs? Outputs { get; set; }

    /// <summary>Shows a value, or draws a figure, among the cell's outputs.</summary>
    /// <param name="value">A figure or anything that can be printed.</param>
    public void Display(object value) => Outputs?.Add(value, executionCount: null);
}

/// <summary>The outputs of one cell, in the order they came.</summary>
internal sealed class Outputs
{
    private readonly List<JsonObject> _outputs = [];
    private readonly StringBuilder _text = new();
    private string _stream = "";

    public void Write(string stream, ReadOnlySpan<char> text)
    {
        if (stream != _stream)
        {
            EndStream();
            _stream = stream;
        }

        _text.Append(text);
    }

    /// <summary>Adds a value: the cell's result where there is an execution count, else something it displayed.</summary>
    public void Add(object value, int? executionCount)
    {
        EndStream();
        var data = new JsonObject();
        string text = Text.Of(value);
        if (value is Figure figure)
        {
            data["image/png"] = Convert.ToBase64String(figure.ToPng());
            text = $"Figure, {figure.Width} x {figure.Height} pixels";
        }

        data["text/plain"] = Text.Split(text);
        string type = executionCount is null ? "display_data" : "execute_result";
        var output = new JsonObject { ["data"] = data, ["metadata"] = new JsonObject(), ["output_type"] = type };
        if (executionCount is not null)
        {
            output["execution_count"] = executionCount;
        }

        _outputs.Add(output);
    }

    public JsonArray ToJson()
    {
        EndStream();
        return new JsonArray([.. _outputs]);
    }

    /// <summary>What a check compares: the lines of text; of a picture, that it is one.</summary>
    public static string[] Lines(JsonArray outputs) =>
    [
        .. outputs.SelectMany(output => output?["text"] is JsonNode stream ? Text.Join(stream).Split('\n')
            : output?["data"]?["image/png"] is not null ? ["a picture"]
            : Text.Join(output?["data"]?["text/plain"]).Split('\n')),
    ];

    private void EndStream()
    {
        if (_text.Length > 0)
        {
            _outputs.Add(new JsonObject { ["name"] = _stream, ["output_type"] = "stream", ["text"] = Text.Split(_text.ToString()) });
            _text.Clear();
        }
    }
}

/// <summary>The console of a running cell.</summary>
internal sealed class StreamOutput(string name, Outputs outputs) : TextWriter(CultureInfo.InvariantCulture)
{
    public override Encoding Encoding => Encoding.UTF8;

    public override string NewLine => "\n";

    public override void Write(char value) => outputs.Write(name, [value]);

    public override void Write(char[] buffer, int index, int count) => outputs.Write(name, buffer.AsSpan(index, count));

    public override void Write(string? value) => outputs.Write(name, value);
}

/// <summary>Text as notebooks keep it and as people compare it.</summary>
internal static partial class Text
{
    /// <summary>A notebook's text: one string, or lines that keep their line ends.</summary>
    public static string Join(JsonNode? node) =>
        node is JsonArray lines ? string.Concat(lines.Select(line => (string?)line)) : (string?)node ?? "";

    public static JsonArray Split(string text) => new([.. Lines().Matches(text).Select(line => (JsonNode)line.Value)]);

    public static string OneLine(string text) => string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));

    public static string Of(object value) => value is IEnumerable and not string
        ? CSharpObjectFormatter.Instance.FormatObject(value)
        : Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";

    /// <summary>
    /// Whether two lines differ at most in the last digit of their numbers: libtorch rounds differently on other processors.
    /// </summary>
    public static bool AreAlike(string one, string other) =>
        one == other || (Numbers().Replace(one, "0") == Numbers().Replace(other, "0")
            && Numbers().Matches(one).Zip(Numbers().Matches(other)).All(pair => AreAlike(pair.First, pair.Second)));

    private static bool AreAlike(Match one, Match other) =>
        one.Value == other.Value || (one.Groups[1].Length == other.Groups[1].Length && one.Groups[1].Length > 0
            && Math.Abs(Parse(one) - Parse(other)) < 1.5 * Math.Pow(10, 1 - one.Groups[1].Length));

    private static double Parse(Match number) => double.Parse(number.Value, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"[^\n]*\n|[^\n]+")]
    private static partial Regex Lines();

    // A number with decimals, its point and digits as group 1, or without.
    [GeneratedRegex(@"-?\d+(\.\d+)?")]
    private static partial Regex Numbers();
}
