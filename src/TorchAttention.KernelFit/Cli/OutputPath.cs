namespace TorchAttention.Cli;

/// <summary>Where a command is to write: seen before any work, so that nothing is lost.</summary>
internal static class OutputPath
{
    /// <summary>Refuses a file that cannot be written.</summary>
    /// <param name="option">The option that names it.</param>
    /// <param name="path">The file.</param>
    public static void Check(string option, string path)
    {
        string? problem = path.Length == 0 ? "it has no name"
            : Directory.Exists(path) ? "it is a folder"
            : Path.GetDirectoryName(Path.GetFullPath(path)) is string folder && !Directory.Exists(folder) ? "its folder does not exist"
            : null;
        if (problem is not null)
        {
            throw CliException.WrongInput($"{option}: '{path}' cannot be written to ({problem})");
        }
    }

    /// <summary>Refuses a file that is another one which the command reads or writes.</summary>
    /// <param name="option">The option that names it.</param>
    /// <param name="path">The file.</param>
    /// <param name="other">The other one.</param>
    /// <param name="what">What that is.</param>
    public static void Differs(string option, string path, string other, string what)
    {
        if (Real(path) == Real(other))
        {
            throw CliException.WrongInput($"{option}: '{path}' is {what}, which it would replace; name another file");
        }
    }

    /// <summary>The full path of a file, with links followed.</summary>
    public static string Real(string path)
    {
        string full = Path.GetFullPath(path);
        string folder = Path.GetDirectoryName(full) is string parent && Directory.Exists(parent)
            ? Directory.ResolveLinkTarget(parent, returnFinalTarget: true)?.FullName ?? parent : "";
        string named = folder.Length == 0 ? full : Path.Combine(folder, Path.GetFileName(full));
        return File.Exists(named) ? File.ResolveLinkTarget(named, returnFinalTarget: true)?.FullName ?? named : named;
    }
}
