using TorchAttention.Cli.Runs;
using TorchAttention.Plotting;

namespace TorchAttention.Cli.Regression;

/// <summary>What came out of a fit and goes into the run's folder.</summary>
internal interface IFitResult
{
    /// <summary>The files of text beside the model, with what writes them.</summary>
    IEnumerable<(string Name, Action<TextWriter> Write)> Texts { get; }

    /// <summary>The pictures' names, with what draws them.</summary>
    IEnumerable<(string Name, Func<Figure> Draw)> Pictures { get; }

    /// <summary>Saves the model.</summary>
    void Save(string path);

    /// <summary>Writes what was asked for.</summary>
    void WriteConfig(Utf8JsonWriter json);

    /// <summary>Writes what was found.</summary>
    void WriteTo(Utf8JsonWriter json, FitTime time);

    /// <summary>Prints what was found and what was written.</summary>
    /// <param name="time">When, and where the model is.</param>
    /// <param name="directory">The run's folder.</param>
    /// <param name="files">What is in it beside the configuration and the summary.</param>
    void Print(FitTime time, RunDirectory directory, IEnumerable<string> files);
}

/// <summary>How long a fit took, and where its model is.</summary>
/// <param name="Seconds">How long.</param>
/// <param name="Model">The file; null where there is none.</param>
internal sealed record FitTime(double Seconds, string? Model)
{
    /// <summary>Writes both, at the end of what was found.</summary>
    public void WriteTo(Utf8JsonWriter json)
    {
        json.WriteString("model", Model);
        json.WriteNumber("seconds", Math.Round(Seconds, 6));
    }

    /// <summary>Prints notes, both, and what was written.</summary>
    public void Print(IEnumerable<string> notes, RunDirectory directory, IEnumerable<string> files)
    {
        foreach (string note in notes)
        {
            Console.WriteLine($"note: {note}");
        }

        Console.WriteLine($"fitted in {Seconds:0.00} s{(Model is null ? "" : $"; model: {Model}")}");
        Console.WriteLine($"files: {directory.Path} ({string.Join(", ", [RunFiles.Config, RunFiles.Summary, .. files])})");
    }
}
