using TorchAttention.Cli.Regression;
using TorchAttention.Cli.Runs;
using TorchAttention.Numerics;

namespace TorchAttention.Cli.OnePass;

/// <summary>What every fit in one pass has around its own work: the run's folder, the model's place, errors of one line.</summary>
internal static class OnePassRun
{
    /// <summary>A short name of the data.</summary>
    public static string NameOf(RowFiles? files, string[] momentFiles) =>
        files?.Name ?? Path.GetFileNameWithoutExtension(momentFiles[0]);

    /// <summary>What there is after an interruption of a fit by moments; null for nothing.</summary>
    public static string? Kept(RunDirectory directory)
    {
        string kept = Path.Combine(directory.Path, MomentFiles.Folder);
        return Directory.Exists(kept)
            ? $"moments of the files read so far are in {kept}: the same command with --out {directory.Path} goes on"
            : null;
    }

    /// <summary>Runs a fit.</summary>
    /// <param name="files">The rows; null for moments alone.</param>
    /// <param name="momentFiles">The files of moments; none for rows.</param>
    /// <param name="said">The settings.</param>
    /// <param name="fit">Its work: the folder, where the model goes, and what stops it.</param>
    /// <param name="kept">What there is after an interruption; no model where null.</param>
    public static int In(
        RowFiles? files,
        string[] momentFiles,
        FitSettings said,
        Action<RunDirectory, string, CancellationToken> fit,
        Func<RunDirectory, string?>? kept = null)
    {
        using var interruption = new Interruption();
        using RunDirectory directory = RunDirectory.Create(said.Output, NameOf(files, momentFiles), said.HasPlots, interruption);
        interruption.AtOnce = directory.Dispose;
        string path = said.Model ?? Path.Combine(directory.Path, RunFiles.Model);
        OutputPath.Check("--model", path);
        foreach (string file in momentFiles.Concat(files?.Paths.Append(files.Source).Where(File.Exists) ?? []))
        {
            OutputPath.Differs("--model", path, file, "a file of the data");
        }

        try
        {
            fit(directory, path, interruption.Token);
            return ExitCode.Done;
        }
        catch (RegressionDataException e)
        {
            throw new TableException(TableProblem.Unusable, files?.Source ?? momentFiles[0], e)
            {
                Column = files?.ColumnOf(e),
                Expected = e.Expected,
                Found = e.Got,
            };
        }
        catch (OperationCanceledException e)
        {
            throw new CliException(ExitCode.Interrupted, $"interrupted; {kept?.Invoke(directory) ?? "there is no model yet"}", e);
        }
    }
}
