using System.Runtime.InteropServices;

namespace TorchAttention;

/// <summary>
/// Loads libtorch, the program's own or an installed PyTorch's, and says in one paragraph what is wrong where it cannot be loaded.
/// </summary>
public static class LibTorch
{
    /// <summary>The environment variable that names the folder of a PyTorch whose libtorch is loaded; empty is as not set.</summary>
    public const string DirectoryVariable = "TORCHATTENTION_LIBTORCH";

    /// <summary>The libtorch that TorchSharp was built for, major and minor version; 2.11 fits too, others do not.</summary>
    public const string NeededVersion = "2.10";

    private const string Library = "LibTorchSharp";

    /// <summary>
    /// The folder that libtorch is loaded from, or null while none is loaded (on macOS always null: a process does not see there what it
    /// has loaded).
    /// </summary>
    public static string? LoadedFrom => LoadedLibTorch.Find() is string file ? Path.GetDirectoryName(file) : null;

    /// <summary>The version that the loaded libtorch itself gives, as <c>2.10.0</c>; null where <see cref="LoadedFrom"/> is.</summary>
    public static string? LoadedVersion => LoadedLibTorch.Find() is string file ? LoadedLibTorch.Version(file) : null;

    /// <summary>
    /// Loads the native libraries now instead of at the first tensor; to choose them it has to run before anything else of TorchSharp.
    /// A later call that asks for the same folder, or for none, changes nothing.
    /// </summary>
    /// <param name="directory">
    /// The folder of a PyTorch: <c>torch/lib</c>, which holds the libraries, <c>torch</c>, or the folder that <c>torch</c> is in. A path
    /// that is not absolute starts at the working directory. Null: what <see cref="DirectoryVariable"/> says, and where that is not set,
    /// the program's own libtorch; in a script or a notebook on Linux, which has none, that of the packages it refers to.
    /// </param>
    /// <exception cref="LibTorchNotLoadedException">
    /// The libraries are missing, do not fit this system or <see cref="NeededVersion"/>, or another libtorch is
    /// loaded already. Nothing else is loaded in their place. Where the message says that a library was tried, the process cannot use
    /// tensors afterwards.
    /// </exception>
    public static void EnsureLoaded(string? directory = null)
    {
        if (directory is not null)
        {
            ExternalLibTorch.Load(directory, setting: null);
        }
        else if (Environment.GetEnvironmentVariable(DirectoryVariable) is { Length: > 0 } named)
        {
            ExternalLibTorch.Load(named, DirectoryVariable);
        }
        else
        {
            LoadOwn();
        }
    }

    private static void LoadOwn()
    {
        try
        {
            NativeLibrary.Load(Library, typeof(torch).Assembly, null);
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            if (OperatingSystem.IsLinux() && PackagedLibTorch.TryLoad())
            {
                return;
            }

            throw new LibTorchNotLoadedException(Explain(e), e);
        }
    }

    private static string Explain(Exception e)
    {
        string name = LibTorchFolder.FileName(Library);
        string? file = ExternalLibTorch.SearchPath().Select(folder => Path.Join(folder, name)).FirstOrDefault(File.Exists);
        string reason = file is null ? "no file of that name was found" : ExternalLibTorch.Reason(file, e);
        return $"libtorch could not be loaded. Tried: the library {Library} in {AppContext.BaseDirectory} and on the system's search path. "
            + $"The system says: '{reason}'. "
            + $"What to do: build the program on this system ({RuntimeInformation.RuntimeIdentifier}) with the SDK, which puts the "
                + $"libraries of the packages "
            + "TorchSharp-cpu and libtorch-cpu beside it (-p:TorchBackend=cuda for a CUDA device); if it was copied here, copy the "
                + "whole folder; "
            + $"to use an installed PyTorch's, set {DirectoryVariable} to its folder; "
            + "if the system names a library of its own, install or update that one.";
    }
}
