using System.Diagnostics;
using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Benchmarks.Engine;

/// <summary>A piece of work to be measured beside others.</summary>
/// <param name="Name">Its name, under which peers/engine.py looks it up.</param>
/// <param name="N">Keys.</param>
/// <param name="Run">Does the work and returns the m answers.</param>
/// <param name="Exact">What the sum over all pairs in float64 gives for one query; null where a script alone can judge the answers.</param>
/// <param name="Tolerance">How far from that an answer may be, in units of the answers' range.</param>
internal sealed record EngineJob(string Name, int N, Func<double[]> Run, Func<int, double>? Exact, double Tolerance)
{
    /// <summary>Takes the code of this work to its last tier; nothing where the code is compiled ahead.</summary>
    public Action WarmUp { get; init; } = () => { };

    /// <summary>What the last run reported; null for other systems.</summary>
    public Func<PoolingReport?> Report { get; init; } = () => null;

    /// <summary>Where each answer belongs in the data set; null where they are in order.</summary>
    public int[]? Order { get; init; }

    /// <summary>Whether the answers are written for peers/engine.py to check them as well: it has no data that is made here.</summary>
    public bool IsFromFolder { get; init; } = true;

    /// <summary>Answers of the last run that are computed after it, outside the time: what lets others judge it.</summary>
    public Func<double[]> Further { get; init; } = () => [];

    /// <summary>
    /// Takes code to its last tier: the runtime compiles a method again after 30 calls, in the background, and not while new ones keep
    /// coming.
    /// </summary>
    public static void Settle(Action run)
    {
        var whole = Stopwatch.StartNew();
        for (int i = 0; i < 60 || whole.Elapsed.TotalSeconds < 0.5; i++)
        {
            run();
        }
    }
}
