namespace TorchAttention.Numerics.OnePass;

/// <summary>A sum with what is rounded away beside it (A. Neumaier, 1974).</summary>
internal struct Compensated
{
    private double _sum;
    private double _rest;

    public readonly double Sum => _sum + _rest;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(double term)
    {
        double next = _sum + term;
        _rest += Math.Abs(_sum) >= Math.Abs(term) ? _sum - next + term : term - next + _sum;
        _sum = next;
    }
}
