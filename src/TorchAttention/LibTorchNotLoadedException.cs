namespace TorchAttention;

/// <summary>libtorch could not be loaded; the message says what was tried, what is missing and what to do.</summary>
public sealed class LibTorchNotLoadedException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">What was tried, what is missing, what to do.</param>
    /// <param name="inner">What the system's loader said.</param>
    public LibTorchNotLoadedException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}
