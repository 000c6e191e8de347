namespace TorchAttention.Cli;

/// <summary>Loads the libtorch that the user chose.</summary>
internal static class LibTorchChoice
{
    public const string Option = "--libtorch";

    /// <summary>Loads a PyTorch's libtorch, or the program's own.</summary>
    /// <param name="directory">What <c>--libtorch</c> says; null where it was not given.</param>
    /// <exception cref="CliException">The folder that the option or the variable names does not hold one that fits.</exception>
    /// <exception cref="LibTorchNotLoadedException">The program's own cannot be loaded.</exception>
    public static void Load(string? directory)
    {
        try
        {
            LibTorch.EnsureLoaded(directory);
        }
        catch (LibTorchNotLoadedException e) when (e.Directory is not null)
        {
            throw CliException.WrongInput(directory is null ? e.Message : $"{Option}: {e.Message}", e);
        }
    }
}
