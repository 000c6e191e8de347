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
                AddMoment(keys, powers, moments + j);
                for (int i = 0; i < keys.Count; i += TLanes.Count)
                {
                    (TLanes.Load(powers + i) * TLanes.Load(buffer + i)).Store(powers + i);
                }
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

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AddMoment(in Tile<double> keys, double* powers, double* moments)
    {
        if (keys.SampleWeights is not null)
        {
            moments[0] += Dot(powers, keys.SampleWeights, keys.Count);
        }
        else
        {
            TLanes sum = TLanes.All(0);
            for (int i = 0; i < keys.Count; i += TLanes.Count)
            {
                sum += TLanes.Load(powers + i);
            }

            moments[0] += sum.Sum();
        }

        for (int c = 0; c < Keys.Columns; c++)
        {
            moments[(c + 1) * Terms] += Dot(powers, keys.Values + ((long)c * keys.Stride), keys.Count);
        }
    }
}
