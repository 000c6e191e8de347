using System.Text.RegularExpressions;

namespace TorchAttention;

/// <summary>A folder that holds somebody's libtorch, and what its files tell before any of them is loaded.</summary>
internal sealed partial class LibTorchFolder
{
    private LibTorchFolder(string location)
    {
        Location = location;
    }

    /// <summary>The absolute path of the folder that the libraries are in.</summary>
    public string Location { get; }

    /// <summary>Finds the libraries in a folder, its <c>lib</c> or its <c>torch/lib</c>, in this order.</summary>
    /// <param name="directory">The folder of a PyTorch.</param>
    /// <exception cref="LibTorchNotLoadedException">They are in none of these.</exception>
    public static LibTorchFolder Find(string directory)
    {
        if (directory.Length == 0)
        {
            throw new LibTorchNotLoadedException("expected a folder with libtorch, got ''");
        }

        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory));
        if (!Directory.Exists(full))
        {
            throw new LibTorchNotLoadedException(
                $"'{full}' is {(File.Exists(full) ? "a file, not a folder" : "not there")}; expected the folder torch/lib of a PyTorch "
                + $"{LibTorch.NeededVersion}");
        }

        string[] candidates = [full, Path.Join(full, "lib"), Path.Join(full, "torch", "lib")];
        string? found = Array.Find(candidates, candidate => File.Exists(Path.Join(candidate, FileName("torch_cpu"))));
        return new LibTorchFolder(found ?? throw new LibTorchNotLoadedException(
            $"'{full}' holds no libtorch: no {FileName("torch_cpu")} in it, in its lib or in its torch/lib; expected the folder "
                + $"torch/lib of a PyTorch {LibTorch.NeededVersion}"));
    }

    /// <summary>A native library's file name on this system.</summary>
    /// <param name="library">Its name, as <c>torch_cpu</c>.</param>
    public static string FileName(string library) =>
        OperatingSystem.IsWindows() ? $"{library}.dll" : OperatingSystem.IsMacOS() ? $"lib{library}.dylib" : $"lib{library}.so";

    /// <summary>The path that a library has in this folder.</summary>
    /// <param name="name">Its name, as <c>torch_cpu</c>.</param>
    public string Library(string name) => Path.Join(Location, FileName(name));

    /// <summary>
    /// The version that files tell: <c>torch/version.py</c> of a PyTorch, <c>build-version</c> of a libtorch archive, or the version that a
    /// Linux distribution appends to the library's name; null where there is none of them.
    /// </summary>
    public string? Version()
    {
        string parent = Path.GetDirectoryName(Location) ?? Location;
        string python = Path.Join(parent, "version.py");
        if (Path.GetFileName(parent) == "torch" && File.Exists(python)
            && PythonVersion().Match(File.ReadAllText(python)) is { Success: true } match)
        {
            return match.Groups[1].Value;
        }

        string archive = Path.Join(parent, "build-version");
        if (File.Exists(archive))
        {
            return File.ReadAllText(archive).Trim();
        }

        string? target = File.ResolveLinkTarget(Library("torch_cpu"), returnFinalTarget: true)?.Name;
        return target is not null && NumberedLibrary().Match(target) is { Success: true } numbered ? numbered.Groups[1].Value : null;
    }

    [GeneratedRegex("""^__version__\s*=\s*['"]([^'"]+)['"]""", RegexOptions.Multiline)]
    private static partial Regex PythonVersion();

    [GeneratedRegex(@"\.so\.(\d+\.\d+[\d.]*)$")]
    private static partial Regex NumberedLibrary();
}
