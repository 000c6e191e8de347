namespace TorchAttention.Numerics.Regression.Groups;

/// <summary>Predictions of several models, put where their queries stand.</summary>
/// <param name="count">The number of queries m.</param>
/// <param name="features">d.</param>
/// <param name="options">What is asked for; where no model answers it is NaN.</param>
/// <param name="hasSlopeErrors">Whether slopes have errors.</param>
internal sealed class GatheredPredictions(int count, int features, PredictionOptions options, bool hasSlopeErrors)
{
    private readonly bool[] _hasNeighbour = new bool[count];
    private readonly bool[] _isOutside = new bool[count];
    private readonly bool[] _isInGap = new bool[count];
    private readonly bool[] _isLevel = new bool[count];
    private readonly double[] _mean = Unknown(count);
    private readonly double[] _error = Unknown(options.HasErrors ? count : 0);
    private readonly double[] _lower = Unknown(options.HasErrors ? count : 0);
    private readonly double[] _upper = Unknown(options.HasErrors ? count : 0);
    private readonly double[] _noise =
        Unknown(options.HasErrors && options.Interval != IntervalKind.MeanWithoutBias ? count : 0);
    private readonly double[] _slopes = Unknown(options.HasSlopes ? count * features : 0);
    private readonly double[] _slopeErrors = Unknown(hasSlopeErrors ? count * features : 0);
    private readonly double[] _slopeLower = Unknown(hasSlopeErrors ? count * features : 0);
    private readonly double[] _slopeUpper = Unknown(hasSlopeErrors ? count * features : 0);
    private readonly double[] _neighbours = new double[options.HasErrors ? count : 0];

    /// <summary>Puts the predictions of one model.</summary>
    /// <param name="rows">The places of its queries.</param>
    /// <param name="at">Its predictions, of one column.</param>
    public void Put(int[] rows, Predictions at)
    {
        PutAll(rows, at.HasNeighbour, _hasNeighbour);
        PutAll(rows, at.IsOutside, _isOutside);
        PutAll(rows, at.IsInGap, _isInGap);
        PutAll(rows, at.IsLevel, _isLevel);
        PutAll(rows, at.Mean, _mean);
        PutAll(rows, at.StandardError, _error);
        PutAll(rows, at.Lower, _lower);
        PutAll(rows, at.Upper, _upper);
        PutAll(rows, at.NoiseDeviation, _noise);
        PutAll(rows, at.Slopes, _slopes, features);
        PutAll(rows, at.SlopeErrors, _slopeErrors, features);
        PutAll(rows, at.SlopeLower, _slopeLower, features);
        PutAll(rows, at.SlopeUpper, _slopeUpper, features);
        PutAll(rows, at.EffectiveNeighbours, _neighbours);
    }

    public Predictions ToPredictions() => new()
    {
        Mean = _mean,
        StandardError = _error,
        Lower = _lower,
        Upper = _upper,
        NoiseDeviation = _noise,
        Slopes = _slopes,
        SlopeErrors = _slopeErrors,
        SlopeLower = _slopeLower,
        SlopeUpper = _slopeUpper,
        EffectiveNeighbours = _neighbours,
        HasNeighbour = _hasNeighbour,
        IsOutside = _isOutside,
        IsInGap = _isInGap,
        IsLevel = _isLevel,
    };

    private static void PutAll<T>(int[] rows, T[] from, T[] to, int columns = 1)
    {
        for (int i = 0; i < rows.Length && to.Length > 0; i++)
        {
            from.AsSpan(i * columns, columns).CopyTo(to.AsSpan(rows[i] * columns));
        }
    }

    private static double[] Unknown(int length) => [.. Enumerable.Repeat(double.NaN, length)];
}
