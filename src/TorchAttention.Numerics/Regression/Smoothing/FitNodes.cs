namespace TorchAttention.Numerics.Regression.Smoothing;

/// <summary>Places among ascending keys from which what is known there is known at all keys, nearly: by cubics between them.</summary>
internal static class FitNodes
{
    private const int Fewest = 3;

    /// <summary>Every so manieth key, and those on both sides of a wide gap.</summary>
    /// <param name="keys">The keys, ascending.</param>
    /// <param name="count">About how many; a gap is wide that has this part of their range.</param>
    /// <returns>Places of keys that differ; empty where cubics have too few.</returns>
    public static int[] Choose(ReadOnlySpan<double> keys, int count)
    {
        var nodes = new List<int>();
        int apart = Math.Max(1, keys.Length / count);
        double wide = (keys[^1] - keys[0]) / count;
        for (int i = 0; i < keys.Length; i++)
        {
            bool isNode = i % apart == 0 || i == keys.Length - 1 || keys[i + 1] - keys[i] > wide || keys[i] - keys[i - 1] > wide;
            if (isNode && (nodes.Count == 0 || keys[i] > keys[nodes[^1]]))
            {
                nodes.Add(i);
            }
        }

        return nodes.Count < Fewest ? [] : [.. nodes];
    }

    /// <summary>
    /// Between two nodes the cubic of both values and of the slopes there, each that of the parabola through a node and its neighbours.
    /// </summary>
    /// <param name="keys">The keys (n), ascending.</param>
    /// <param name="nodes">The nodes (m).</param>
    /// <param name="atNodes">What is known there (m, v).</param>
    /// <param name="all">Where it goes for all keys (n, v).</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Spread(ReadOnlySpan<double> keys, int[] nodes, double[] atNodes, double[] all)
    {
        int columns = atNodes.Length / nodes.Length;
        double[] places = new double[nodes.Length];
        for (int k = 0; k < nodes.Length; k++)
        {
            places[k] = keys[nodes[k]];
        }

        double[] slopes = new double[nodes.Length];
        for (int c = 0; c < columns; c++)
        {
            for (int k = 0; k < nodes.Length; k++)
            {
                slopes[k] = SlopeAt(k, c);
            }

            int node = 0;
            for (int i = 0; i < keys.Length; i++)
            {
                while (node < nodes.Length - 2 && keys[i] >= places[node + 1])
                {
                    node++;
                }

                double width = places[node + 1] - places[node];
                double t = (keys[i] - places[node]) / width;
                (double left, double right) = (ValueAt(node, c), ValueAt(node + 1, c));
                double leftSlope = (slopes[node] * width) - (right - left);
                double rightSlope = (slopes[node + 1] * width) - (right - left);
                all[(i * columns) + c] = left + (t * (right - left)) + (t * (1 - t) * (((1 - t) * leftSlope) - (t * rightSlope)));
            }
        }

        double ValueAt(int node, int column) => atNodes[(node * columns) + column];

        double SlopeAt(int node, int column)
        {
            int middle = Math.Clamp(node, 1, places.Length - 2);
            (double before, double after) = (places[middle] - places[middle - 1], places[middle + 1] - places[middle]);
            double rise = (ValueAt(middle, column) - ValueAt(middle - 1, column)) / before;
            double next = (ValueAt(middle + 1, column) - ValueAt(middle, column)) / after;
            double bend = (next - rise) / (before + after);
            return rise + (bend * (places[node] - places[middle - 1] + (places[node] - places[middle])));
        }
    }
}
