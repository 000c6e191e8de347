namespace TorchAttention.Numerics.Storage;

/// <summary>What is wrong with a run's folder.</summary>
public enum RunProblem
{
    /// <summary>There is no such folder.</summary>
    NoFolder,

    /// <summary>The folder holds no run.</summary>
    NoRun,

    /// <summary>A file of the run cannot be read.</summary>
    Unreadable,

    /// <summary>A file of the run is not as it was written.</summary>
    Damaged,
}
