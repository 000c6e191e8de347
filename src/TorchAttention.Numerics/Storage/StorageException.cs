namespace TorchAttention.Numerics.Storage;

/// <summary>A file of tensors that cannot be read, said in one line: the file, what was expected and what came.</summary>
public sealed class StorageException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="file">The file, as the user named it.</param>
    /// <param name="problem">What was expected and what came.</param>
    /// <param name="inner">The cause, where another library found it.</param>
    public StorageException(string file, string problem, Exception? inner = null)
        : base($"{file}: {problem}", inner)
    {
        File = file;
    }

    /// <summary>The file, as the user named it.</summary>
    public string File { get; }
}
