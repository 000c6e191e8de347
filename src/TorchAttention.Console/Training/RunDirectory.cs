using System.Globalization;
using System.Text;
using System.Text.Json;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Cli.Training;

/// <summary>The folder that receives what a command writes, each file whole or not at all.</summary>
internal sealed class RunDirectory : IDisposable
{
    private static readonly string[] _marks = ["config.json", "steps.csv", "epochs.csv", "summary.json", "table.csv"];

    private readonly FileStream _claim;

    private RunDirectory(string path, FileStream claim)
    {
        Path = path;
        _claim = claim;
    }

    public string Path { get; }

    /// <summary>Makes the folder, or takes an existing one that holds no run.</summary>
    /// <param name="output">The folder asked for; null for <c>runs/name-time</c>.</param>
    /// <param name="name">What the run is about.</param>
    public static RunDirectory Create(string? output, string name)
    {
        if (output is "")
        {
            throw CliException.WrongInput("--out: expected a folder, got ''");
        }

        string path = output ?? Unused(System.IO.Path.Combine("runs", $"{Plain(name)}-{DateTime.UtcNow.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture)}"));
        try
        {
            Directory.CreateDirectory(path);

            // Two runs that start together both find the folder empty: the one whose claim is second is refused.
            FileStream claim = Claim(path);
            if (Array.Find(_marks, mark => File.Exists(System.IO.Path.Combine(path, mark))) is string found)
            {
                claim.Dispose();
                throw CliException.WrongInput($"--out: '{path}' already holds a run ({found}); name another folder, or remove it first");
            }

            return new RunDirectory(path, claim);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw CliException.WrongInput($"--out: '{path}' cannot be written to ({e.Message.TrimEnd('.')})", e);
        }
    }

    /// <summary>Gives the folder free.</summary>
    public void Dispose() => _claim.Dispose();

    /// <summary>The path of a picture; its folder is made on first use.</summary>
    public string Picture(string file)
    {
        string folder = System.IO.Path.Combine(Path, "plots");
        Directory.CreateDirectory(folder);
        return System.IO.Path.Combine(folder, file);
    }

    public void WriteText(string file, Action<TextWriter> write) => WholeFile.WriteText(System.IO.Path.Combine(Path, file), write);

    public void WriteJson(string file, Action<Utf8JsonWriter> write) => WriteText(file, writer => writer.WriteLine(Json(write)));

    /// <summary>JSON text, indented.</summary>
    public static string Json(Action<Utf8JsonWriter> write)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true }))
        {
            writer.WriteStartObject();
            write(writer);
            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length);
    }

    private static FileStream Claim(string path) => new(
        System.IO.Path.Combine(path, ".running"), FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1, FileOptions.DeleteOnClose);

    private static string Unused(string path)
    {
        string free = path;
        for (int i = 2; Directory.Exists(free); i++)
        {
            free = $"{path}-{i}";
        }

        return free;
    }

    private static string Plain(string name) => string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' ? c : '-')).TrimStart('.');
}
