using System.Numerics;
using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Pooling;

/// <summary>The samples of a model whose keys and values stay from step to step, prepared once for the engine.</summary>
internal sealed class KeptSamples
{
    private object? _samples;

    /// <summary>The samples of some keys and values; those of the last time where the numbers are the same.</summary>
    public Samples<T> Of<T>(ReadOnlySpan<T> keys, ReadOnlySpan<T> values, int features)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        // Another thread may put its own here meanwhile: each is whole, and the last one stays.
        if (_samples is not Samples<T> samples || samples.Features != features || !samples.AreOf(keys, values))
        {
            samples = new Samples<T>(keys, values, features);
            _samples = samples;
        }

        return samples;
    }
}
