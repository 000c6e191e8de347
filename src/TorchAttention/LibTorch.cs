using System.Runtime.InteropServices;

namespace TorchAttention;

/// <summary>Loads libtorch, and says in one paragraph what is wrong where it cannot be loaded.</summary>
public static class LibTorch
{
    private const string Library = "LibTorchSharp";

    /// <summary>Loads the native libraries now instead of at the first tensor; the second call costs nothing.</summary>
    /// <exception cref="LibTorchNotLoadedException">They are missing or do not fit this system.</exception>
    public static void EnsureLoaded()
    {
        try
        {
            NativeLibrary.Load(Library, typeof(torch).Assembly, null);
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            throw new LibTorchNotLoadedException(Explain(e.Message), e);
        }
    }

    private static string Explain(string loaderMessage)
    {
        // The loader reports one line for each name and place it tried; the one that is not "no such file" for the library itself
        // is the one that tells what is missing.
        string[] lines = [.. loaderMessage.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Skip(1)];
        string reason = Array.Find(lines, line => !line.Contains($"{Library}: cannot open", StringComparison.Ordinal)
                && !line.Contains($"{Library}.so: cannot open", StringComparison.Ordinal))
            ?? "no file of that name was found";
        return $"libtorch could not be loaded. Tried: the library {Library} in {AppContext.BaseDirectory} and on the system's search path. "
            + $"The system says: '{reason}'. "
            + $"What to do: build the program on this system ({RuntimeInformation.RuntimeIdentifier}) with the SDK, which puts the libraries of the packages "
            + "TorchSharp-cpu and libtorch-cpu beside it (-p:TorchBackend=cuda for a CUDA device); if it was copied here, copy the whole folder; "
            + "if the system names a library of its own, install or update that one.";
    }
}
