namespace TorchAttention.Numerics.Pooling.Methods.Line;

/// <content>The moments of the keys in a cell.</content>
internal abstract unsafe partial class GaussianCells<TLanes>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void FillMoments(int cell)
    {
        double* buffer = stackalloc double[2 * MomentBuffer];
        double* moments = _moments.As<double>() + ((long)_momentsOf[cell] * MomentsLength);
        TLanes centre = TLanes.All(Cells.CentreAt(Cells.Index[cell]));
        TLanes bandwidth = TLanes.All(Bandwidth);
        double* powers = buffer + MomentBuffer;
        for (int first = Cells.Start[cell]; first < Cells.Start[cell + 1]; first += MomentBuffer)
        {
            Tile<double> keys = Keys.Slice(first, Math.Min(MomentBuffer, Cells.Start[cell + 1] - first));
            for (int i = 0; i < keys.Count; i += TLanes.Count)
            {
                ((TLanes.Load(keys.Keys + i) - centre) / bandwidth).Store(buffer + i);
                TLanes.All(1).KeepFirst(keys.Count - i).Store(powers + i);
            }

            for (int j = 0; j < Terms; j++)
            {
                for (int c = 1; c < Keys.Columns; c++)
                {
                    moments[((c + 1) * Terms) + j] += Dot(powers, keys.Values + ((long)c * keys.Stride), keys.Count);
                }

                AddMoment(keys, powers, buffer, moments + j);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double Dot(double* powers, double* factors, int count)
    {
        TLanes sum = TLanes.All(0);
        for (int i = 0; i < count; i += TLanes.Count)
        {
            sum = TLanes.MultiplyAdd(TLanes.Load(powers + i), TLanes.Load(factors + i), sum);
        }

        return sum.Sum();
    }

    // The sum of weights and that of the first column, and the next powers.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AddMoment(in Tile<double> keys, double* powers, double* factors, double* moments)
    {
        TLanes weights = TLanes.All(0);
        TLanes values = TLanes.All(0);
        double* column = Keys.Columns > 0 ? keys.Values : powers;
        for (int i = 0; i < keys.Count; i += TLanes.Count)
        {
            TLanes power = TLanes.Load(powers + i);
            weights = keys.SampleWeights is null ? weights + power
                : TLanes.MultiplyAdd(power, TLanes.Load(keys.SampleWeights + i), weights);
            values = TLanes.MultiplyAdd(power, TLanes.Load(column + i), values);
            (power * TLanes.Load(factors + i)).Store(powers + i);
        }

        moments[0] += weights.Sum();
        if (Keys.Columns > 0)
        {
            moments[Terms] += values.Sum();
        }
    }
}
