namespace TorchAttention;

/// <summary>libtorch could not be loaded; the message says what was tried, what is missing and what to do.</summary>
public sealed class LibTorchNotLoadedException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">What was tried, what is missing, what to do.</param>
    /// <param name="inner">What the system's loader said.</param>
    /// <param name="directory">The folder that was asked for; null for the program's own libtorch.</param>
    public LibTorchNotLoadedException(string message, Exception? inner = null, string? directory = null)
        : base(message, inner)
    {
        Directory = directory;
    }

    /// <summary>The folder that was asked for, as it was given; null where the program's own libtorch did not load.</summary>
    public string? Directory { get; }
}
