using System.Runtime.Intrinsics;
using TorchAttention.Numerics.Kernels;

namespace TorchAttention.Numerics.Regression.Likelihood;

/// <content>The examples that count at a query.</content>
internal sealed partial class LikelihoodPass
{
    // The examples in reach, with their weights and powers. Returns whether the weights are relative to the nearest one's.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private bool Gather(ReadOnlySpan<double> query, int leftOut)
    {
        (double[] keys, int d) = (_problem.Data.Keys, query.Length);
        bool isGaussian = _problem.Kernel == SmoothingKernel.Gaussian;
        double support = _problem.Kernel.Support;
        double nearest = isGaussian ? Nearest(query, leftOut) : 0;
        bool isFar = nearest > FarSquare;
        double reach = isGaussian ? nearest + ReachSquare : support * support;
        (int first, int end) = d > 1 ? (0, _problem.Data.Count) : (
            FirstAbove(keys, query[0] - (Math.Sqrt(reach) * _problem.Bandwidths[0])),
            FirstAbove(keys, Math.BitIncrement(query[0] + (Math.Sqrt(reach) * _problem.Bandwidths[0]))));
        MakeRoomFor(end - first);
        _count = 0;
        double[] distances = _powers[0];
        for (int i = first; i < end; i++)
        {
            double square = SquareOf(query, i);
            double weight = _problem.Data.WeightAt(i) * (isGaussian ? 1 : _problem.Kernel.Weight(square));
            if (square > reach || i == leftOut || !(weight > 0))
            {
                continue;
            }

            (_weights[_count], _values[_count], distances[_count]) = (weight, _problem.Values[i], square);
            for (int j = 0; j < d && _powers.Length > 1; j++)
            {
                _powers[1 + j][_count] = (keys[(i * d) + j] - query[j]) / _problem.Bandwidths[j];
            }

            _count++;
        }

        // What fills up the last four counts nothing: as far as the nearest, so that no exponential overflows.
        for (int i = _count; i % Vector256<double>.Count != 0; i++)
        {
            (_weights[i], _values[i]) = (0, 0);
            Array.ForEach(_powers, power => power[i] = 0);
            distances[i] = nearest;
        }

        Vector256<double> sum = Vector256<double>.Zero;
        Vector256<double> values = Vector256<double>.Zero;
        Vector256<double> squares = Vector256<double>.Zero;
        Vector256<double> moments = Vector256<double>.Zero;
        Vector256<double> offset = Vector256.Create(isFar ? nearest : 0);
        for (int i = 0; i < _count; i += Vector256<double>.Count)
        {
            Vector256<double> square = Four(distances, i);
            Vector256<double> weight = Four(_weights, i) * (isGaussian ? Vector256.Exp((offset - square) / 2) : Vector256<double>.One);
            weight.StoreUnsafe(ref _weights[0], (nuint)i);
            sum += weight;
            values += weight * Four(_values, i);
            squares += weight * weight;
            moments += weight * square;
            Vector256<double>.One.StoreUnsafe(ref distances[0], (nuint)i);
            for (int k = 1 + d; k < _powers.Length; k++)
            {
                Vector256<double> power = Four(_powers[_layout.Powers.Parents[k]], i) * Four(_powers[1 + _layout.Powers.Factors[k]], i);
                power.StoreUnsafe(ref _powers[k][0], (nuint)i);
            }
        }

        distances.AsSpan(_count, RoundUp(_count) - _count).Clear();

        // Of values that are all 1 the two are the same number.
        (_weight, _valueSum) = (Vector256.Sum(sum), Vector256.Sum(values));

        // So far away that squares are infinite, none has a weight.
        _count = _weight > 0 ? _count : 0;
        Neighbours = _count == 0 ? 0 : _weight * _weight / Vector256.Sum(squares);
        MeanSquare = isGaussian ? Vector256.Sum(moments) / _weight : 0;
        return isFar;
    }

    private void MakeRoomFor(int count)
    {
        if (_weights.Length < count)
        {
            int room = RoundUp(Math.Clamp(2 * count, 64, Math.Max(64, _problem.Data.Count)));
            (_weights, _values) = (new double[room], new double[room]);
            for (int k = 0; k < _powers.Length; k++)
            {
                _powers[k] = new double[room];
            }
        }
    }

    private static int RoundUp(int count) => (count + Vector256<double>.Count - 1) / Vector256<double>.Count * Vector256<double>.Count;

    private double SquareOf(ReadOnlySpan<double> query, int example)
    {
        double square = 0;
        for (int j = 0; j < query.Length; j++)
        {
            double u = (_problem.Data.Keys[(example * query.Length) + j] - query[j]) / _problem.Bandwidths[j];
            square += u * u;
        }

        return square;
    }

    private double Nearest(ReadOnlySpan<double> query, int leftOut)
    {
        double nearest = double.PositiveInfinity;
        if (query.Length > 1)
        {
            for (int i = 0; i < _problem.Data.Count; i++)
            {
                nearest = i == leftOut ? nearest : Math.Min(nearest, SquareOf(query, i));
            }

            return nearest;
        }

        int right = FirstAbove(_problem.Data.Keys, query[0]);
        for (int i = Math.Max(0, right - 2); i < Math.Min(_problem.Data.Count, right + 2); i++)
        {
            nearest = i == leftOut ? nearest : Math.Min(nearest, SquareOf(query, i));
        }

        return nearest;
    }

    // The first of ascending keys that is not below a place.
    private static int FirstAbove(double[] keys, double place)
    {
        (int low, int high) = (0, keys.Length);
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = keys[middle] < place ? (middle + 1, high) : (low, middle);
        }

        return low;
    }
}
