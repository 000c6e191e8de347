namespace TorchAttention.Numerics.OnePass.Boxes;

/// <summary>
/// The leave-one-out log loss of classes as <see cref="MomentLogLoss"/> has it of one feature, -(1 / W) sum_i s_i log((S_c - s_i) /
/// (S0 - s_i)). An estimate.
/// </summary>
/// <param name="all">All rows.</param>
/// <param name="h">The bandwidths (d).</param>
/// <param name="threads">The most threads; all where null.</param>
internal sealed class BoxLogLoss(BoxLevel all, double[] h, int? threads)
{
    // The logarithm of one part, 1 - s / S, as a sum of few powers of s.
    private const double MostPart = 0.9;

    private readonly BoxFar _far = new(all, h);

    /// <summary>The sum over the rows of all classes.</summary>
    public double Sum(BoxMoments moments, CancellationToken cancellationToken)
    {
        // S0 and each S_c at the nodes, with the rows that boxes of all rows keep and without them.
        double[]?[] withKept = new double[all.Count][];
        double[]?[] withoutKept = new double[all.Count][];
        var sums = new BoxSums(all, h, LayoutOf(all));
        long[] twice = [.. all.Ids, .. all.Ids];
        sums.At(
            twice,
            at => at >= all.Count,
            (at, ofNodes, _, _) => (at < all.Count ? withKept : withoutKept)[at % all.Count] = [.. ofNodes[0]],
            threads,
            cancellationToken);
        double sum = 0;
        foreach ((int column, string name) in moments.Classes.Index())
        {
            BoxLevel own = new BoxLevels(moments, part => part.Class == name, hasValues: false).Like(all);
            (int Box, bool IsOfRows)[] asked = [.. Enumerable.Range(0, own.Count).SelectMany(box => BoxFit.Asked(own, box))];
            double[] parts = new double[asked.Length];
            new BoxSums(own, h, LayoutOf(own)).At(
                [.. asked.Select(one => own.Ids[one.Box])],
                at => asked[at].IsOfRows,
                (at, ofNodes, _, scratch) =>
                {
                    (int box, bool isOfRows) = asked[at];
                    int inAll = Array.BinarySearch(all.Ids, own.Ids[box]);
                    parts[at] = isOfRows ? OfFew(own, box, ofNodes[0], withoutKept[inAll]!, inAll, column)
                        : OfMany(own, box, ofNodes[0], withKept[inAll]!, scratch);
                },
                threads,
                cancellationToken);
            sum += parts.Sum();
        }

        return sum;
    }

    private static BoxLayout LayoutOf(BoxLevel level) => new(level.Features, level.Columns, 0, BoxSumsKind.Plain);

    private static double OfMany(BoxLevel own, int box, double[] ofClass, double[] ofAll, double[][] scratch)
    {
        double sum = 0;
        double[] m = BoxFit.AtNodes(own, own.Light[0].M, box, scratch, 1);
        if (!own.HasWeights)
        {
            for (int z = 0; z < m.Length; z++)
            {
                sum -= m[z] * Math.Log(Math.Max(MomentLogLoss.LeastProbability, (ofClass[z] - 1) / (ofAll[z] - 1)));
            }

            return sum;
        }

        double least = ofClass.Min();
        double heaviest = own.Weights[box] / BoxGrid.MostKept;
        double[] log = MomentFit.PowersOf(
            least > 0 ? Math.Min(MomentFit.OwnMargin * heaviest / least, MostPart) : MostPart, part => Math.Log(1 - part));
        for (int t = 0; t < log.Length; t++)
        {
            m = BoxFit.AtNodes(own, own.Light[t].M, box, scratch, 1);
            for (int z = 0; z < m.Length; z++)
            {
                double powers = log[t] * (Math.Pow(ofClass[z], -t) - Math.Pow(ofAll[z], -t));
                powers += t == 0 ? Math.Log(Math.Max(MomentLogLoss.LeastProbability, ofClass[z] / ofAll[z])) : 0;
                sum -= m[z] * powers;
            }
        }

        return sum;
    }

    // Rows of a class that has few in the box, one by one.
    private double OfFew(BoxLevel own, int box, double[] ofClass, double[] ofAll, int inAll, int column)
    {
        double sum = 0;
        foreach (double[] row in own.Rows[box].Chunk(own.Fields))
        {
            double[] shares = BoxFit.SharesOf(own, box, row);
            (double ofOwn, _) = KeptAt(own, box, row);
            (double ofOthers, bool isKept) = KeptAt(all, inAll, row);
            double probability = BoxBasis.At(ofClass, shares) + ofOwn;

            // Where it is no large part of all rows of the box it is among their sums.
            double weight = BoxBasis.At(ofAll, shares) + ofOthers - (isKept ? 0 : row[^1]);
            probability = weight > MomentFit.Lonely * row[^1] ? probability / weight : _far.At(row.AsSpan(0, h.Length), row)[column];
            sum -= row[^1] * Math.Log(Math.Clamp(probability, MomentLogLoss.LeastProbability, 1));
        }

        return sum;
    }

    // What the other kept rows weigh there, and whether it is one of them.
    private (double Weight, bool IsKept) KeptAt(BoxLevel level, int box, double[] at)
    {
        double sum = 0;
        bool isKept = false;
        foreach (double[] row in level.Rows[box].Chunk(level.Fields))
        {
            if (!isKept && row.AsSpan().SequenceEqual(at))
            {
                isKept = true;
                continue;
            }

            double square = 0;
            for (int j = 0; j < h.Length; j++)
            {
                double v = (row[j] - at[j]) / h[j];
                square += v * v;
            }

            sum += row[^1] * Math.Exp(-0.5 * square);
        }

        return (sum, isKept);
    }
}
