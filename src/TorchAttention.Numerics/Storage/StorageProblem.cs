namespace TorchAttention.Numerics.Storage;

/// <summary>What is wrong with a file of tensors.</summary>
public enum StorageProblem
{
    /// <summary>There is no such file.</summary>
    NoFile,

    /// <summary>It is a directory.</summary>
    Directory,

    /// <summary>The system does not let it be read.</summary>
    Unreadable,

    /// <summary>It is no safetensors file, or one that is cut short or damaged.</summary>
    NotSafeTensors,

    /// <summary>It was not saved by this library.</summary>
    OtherFormat,

    /// <summary>It holds a model of another kind.</summary>
    OtherModel,

    /// <summary>It was saved by a later version.</summary>
    LaterVersion,

    /// <summary>A text of the header is missing, or none of those known.</summary>
    Text,

    /// <summary>A tensor is missing, or of another number type or shape.</summary>
    Tensor,

    /// <summary>The numbers are of the right shapes, and together no model can use them.</summary>
    Numbers,

    /// <summary>The content does not fit its digest.</summary>
    Digest,

    /// <summary>A checkpoint is of another training.</summary>
    OtherTraining,
}
