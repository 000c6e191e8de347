using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using TorchAttention.Cli.Output;
using TorchAttention.Plotting;

namespace TorchAttention.Cli.Runs;

/// <summary>The folder that receives what a command writes, each file whole or not at all.</summary>
internal sealed class RunDirectory : IDisposable
{
    private static readonly string[] _marks =
        [RunFiles.Config, RunFiles.Steps, RunFiles.Epochs, RunFiles.Summary, RunFiles.Table, RunFiles.Fitted, RunFiles.Search];

    private readonly FileStream _claim;
    private readonly Stack<string> _made;

    private RunDirectory(string path, FileStream claim, Interruption interruption, Stack<string> made)
    {
        Path = path;
        _claim = claim;
        Interruption = interruption;
        _made = made;
    }

    public string Path { get; }

    public Interruption Interruption { get; }

    /// <summary>Makes the folder, or takes an existing one that holds no run, and sees that everything can be written there.</summary>
    /// <param name="output">The folder asked for; null for <c>runs/name-time</c>.</param>
    /// <param name="name">What the run is about.</param>
    /// <param name="plots">Whether pictures will be written.</param>
    /// <param name="interruption">Lets every file be written to its end.</param>
    public static RunDirectory Create(string? output, string name, bool plots, Interruption interruption)
    {
        if (output is "")
        {
            throw CliException.WrongInput("--out: expected a folder, got ''");
        }

        string time = DateTime.UtcNow.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
        string path = output ?? Unused(System.IO.Path.Combine("runs", $"{Plain(name)}-{time}"));
        var made = new Stack<string>();
        try
        {
            // Two runs that start together both find the folder empty: the one whose claim is second is refused.
            Make(path, made);
            var directory = new RunDirectory(path, Claim(path), interruption, made);
            try
            {
                directory.Check(plots);
                return directory;
            }
            catch
            {
                directory.Dispose();
                throw;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            Remove(made);
            string message = $"--out: '{path}' cannot be written to ({SystemReason.Describe(e)})";
            throw SystemReason.IsOfTheDisk(e) ? CliException.Failed(message, e) : CliException.WrongInput(message, e);
        }
    }

    /// <summary>Takes the folder of a run that was begun before.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="interruption">Lets every file be written to its end.</param>
    public static RunDirectory GoOn(string path, Interruption interruption)
    {
        try
        {
            return new RunDirectory(path, Claim(path), interruption, new Stack<string>());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            string message = $"--resume: '{path}' cannot be written to ({SystemReason.Describe(e)})";
            throw SystemReason.IsOfTheDisk(e) ? CliException.Failed(message, e) : CliException.WrongInput(message, e);
        }
    }

    /// <summary>Gives the folder free; one that was made for this run and got nothing is removed again.</summary>
    public void Dispose() => Write(() =>
    {
        _claim.Dispose();
        Remove(_made);
    });

    /// <summary>Writes one or several files that a second Ctrl-C does not cut short.</summary>
    public void Write(Action write) => Interruption.Write(write);

    /// <summary>Writes a picture as PNG and as SVG; their folder is made on first use.</summary>
    /// <exception cref="OperationCanceledException">The run is interrupted; a picture takes long enough to ask before each.</exception>
    public void WritePicture(string name, Figure figure)
    {
        string folder = System.IO.Path.Combine(Path, RunFiles.Plots);
        foreach (string format in new[] { "png", "svg" })
        {
            Interruption.Token.ThrowIfCancellationRequested();
            Directory.CreateDirectory(folder);
            Write(() => figure.Save(System.IO.Path.Combine(folder, $"{name}.{format}")));
        }
    }

    /// <summary>Writes pictures, several at once.</summary>
    /// <param name="pictures">Their names, and what draws them.</param>
    /// <param name="beside">What is done meanwhile.</param>
    /// <exception cref="OperationCanceledException">The run is interrupted.</exception>
    public void WritePictures(IEnumerable<(string Name, Func<Figure> Draw)> pictures, Action? beside = null)
    {
        IEnumerable<Action> work = pictures.Select(picture => (Action)(() => WritePicture(picture.Name, picture.Draw())));
        try
        {
            Parallel.ForEach(
                Partitioner.Create(beside is null ? work : work.Prepend(beside), EnumerablePartitionerOptions.NoBuffering),
                new ParallelOptions { CancellationToken = Interruption.Token },
                one => one());
        }
        catch (AggregateException e)
        {
            // A full disk stops several pictures at once; one of them says it all.
            ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
        }
    }

    public void WriteText(string file, Action<TextWriter> write) =>
        Write(() => WholeFile.WriteText(System.IO.Path.Combine(Path, file), write));

    public void WriteJson(string file, Action<Utf8JsonWriter> write) => WriteText(file, writer => writer.WriteLine(JsonText.Format(write)));

    private static void Make(string path, Stack<string> made)
    {
        string full = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(path));
        var missing = new Stack<string>();
        for (string? folder = full; folder is not null && !Directory.Exists(folder); folder = System.IO.Path.GetDirectoryName(folder))
        {
            missing.Push(folder);
        }

        foreach (string folder in missing)
        {
            Directory.CreateDirectory(folder);
            made.Push(folder);
        }
    }

    // Another run may have put its own folder beside.
    private static void Remove(Stack<string> made)
    {
        while (made.TryPop(out string? folder) && Directory.Exists(folder) && !Directory.EnumerateFileSystemEntries(folder).Any())
        {
            Directory.Delete(folder);
        }
    }

    // The lock is what counts: a process that was killed leaves the file behind, but not its lock.
    private static FileStream Claim(string path)
    {
        string claim = System.IO.Path.Combine(path, RunFiles.Claim);
        return SpecialFile.Is(claim)
            ? throw new IOException($"{System.IO.Path.GetFileName(claim)} is a pipe or a device")
            : new FileStream(claim, FileMode.OpenOrCreate, FileAccess.Write, FileShare.None, bufferSize: 1, FileOptions.DeleteOnClose);
    }

    private static string Unused(string path)
    {
        string free = path;
        for (int i = 2; Directory.Exists(free); i++)
        {
            free = $"{path}-{i}";
        }

        return free;
    }

    private static string Plain(string name) =>
        string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' ? c : '-')).TrimStart('.');

    private void Check(bool plots)
    {
        foreach (string mark in _marks)
        {
            string file = System.IO.Path.Combine(Path, mark);
            if (File.Exists(file))
            {
                throw CliException.WrongInput($"--out: '{Path}' already holds a run ({mark}); name another folder, or remove it first");
            }

            if (Directory.Exists(file))
            {
                throw CliException.WrongInput($"--out: '{Path}' holds a folder {mark}, where a file is to be written; name another folder");
            }
        }

        string pictures = System.IO.Path.Combine(Path, RunFiles.Plots);
        if (!plots || !System.IO.Path.Exists(pictures))
        {
            return;
        }

        if (!Directory.Exists(pictures))
        {
            throw CliException.WrongInput(
                $"--out: '{Path}' holds a file {RunFiles.Plots}, where the folder of the pictures is to be; name another folder");
        }

        if (Directory.EnumerateFileSystemEntries(pictures).Any())
        {
            throw CliException.WrongInput(
                $"--out: '{Path}' already holds pictures ({RunFiles.Plots}); name another folder, or remove them first");
        }

        Claim(pictures).Dispose();
    }
}
