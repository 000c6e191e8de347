using TorchAttention.Numerics.Regression.Polynomials;

namespace TorchAttention.Numerics.OnePass.Boxes;

/// <content>Pieces from a fit: as wide as the tolerance allows.</content>
public sealed partial class CondensedSurface
{
    // The widest pieces have so many bandwidths, and the narrowest are halved so often.
    private const int WidestInBandwidths = 8;
    private const int MostDepth = 5;

    // Of the logarithm of the effective neighbours: a standard error is off by half of it.
    private const double NeighboursTolerance = 1e-3;

    // Farther away from all rows than this, in bandwidths, there is no surface.
    private const double MostBandwidths = 4;

    // Places along a feature where pieces are compared with the fit, between their nodes and at their ends.
    private static readonly double[] _compared = [-1, -0.83, -0.42, 0.06, 0.53, 0.88, 1];

    /// <summary>Condenses a fit.</summary>
    internal static CondensedSurface Create(BoxRegression model, double tolerance, CancellationToken cancellationToken)
    {
        if (!(tolerance >= LeastTolerance && tolerance < 1))
        {
            throw new ArgumentOutOfRangeException(
                nameof(tolerance), tolerance, $"Expected a tolerance from {LeastTolerance} to below 1.");
        }

        double[] h = [.. model.Bandwidths];
        double[] widths = [.. h.Select(at => Math.ScaleB(1, Math.ILogB(WidestInBandwidths * at)))];
        (double[] boxes, double[] means) = model.Places();
        double[][] columns = [.. Enumerable.Range(0, model.Columns).Select(c => means.Where((_, i) => i % model.Columns == c).ToArray())];
        double[] origins = [.. columns.Select(column => column.Average())];
        double[] allowed = [.. columns.Zip(origins, (column, origin) => tolerance
            * (column.Max() - column.Min() is > 0 and var range ? range : Math.Max(1e-300, Math.Abs(origin))))];
        HashSet<PieceId> open = [.. Near(boxes, h, widths)];
        var pieces = new List<Piece>();
        for (int depth = 0; open.Count > 0; depth++)
        {
            PieceId[] ids = [.. open.Where(id => depth == 0 || IsNear(id, boxes, h, widths))];
            open.Clear();
            foreach (Piece piece in Fitted(model, ids, widths, origins, cancellationToken))
            {
                bool isGood = piece.Errors.Zip(allowed, (error, most) => error <= most).All(isWithin => isWithin) || piece.IsFar
                    || depth == MostDepth;
                if (isGood)
                {
                    pieces.Add(piece);
                }
                else
                {
                    open.UnionWith(piece.Id.Halves(widths.Length));
                }
            }
        }

        return new CondensedSurface([.. pieces], widths, origins, [.. model.Ranges], h, model.Classes)
        {
            Count = model.Count,
            Tolerance = tolerance,
            Diagnostics = model.Diagnostics,
        };
    }

    // The widest pieces that come near a box with rows.
    private static IEnumerable<PieceId> Near(double[] boxes, double[] h, double[] widths)
    {
        int d = h.Length;
        for (int i = 0; i < boxes.Length; i += 2 * d)
        {
            long[] first = new long[3];
            long[] last = new long[3];
            for (int j = 0; j < d; j++)
            {
                first[j] = (long)Math.Floor((boxes[i + (2 * j)] - (MostBandwidths * h[j])) / widths[j]);
                last[j] = (long)Math.Floor((boxes[i + (2 * j) + 1] + (MostBandwidths * h[j])) / widths[j]);
            }

            for (long one = first[0]; one <= last[0]; one++)
            {
                for (long two = first[1]; two <= last[1]; two++)
                {
                    for (long three = first[2]; three <= last[2]; three++)
                    {
                        yield return new PieceId(0, one, two, three);
                    }
                }
            }
        }
    }

    private static bool IsNear(PieceId id, double[] boxes, double[] h, double[] widths)
    {
        int d = h.Length;
        for (int i = 0; i < boxes.Length; i += 2 * d)
        {
            double square = 0;
            for (int j = 0; j < d; j++)
            {
                double width = Math.ScaleB(widths[j], -id.Depth);
                double least = width * id.PlaceOf(j);
                double apart = Math.Max(0, Math.Max(boxes[i + (2 * j)] - least - width, least - boxes[i + (2 * j) + 1])) / h[j];
                square += apart * apart;
            }

            if (square <= MostBandwidths * MostBandwidths)
            {
                return true;
            }
        }

        return false;
    }

    private static List<Piece> Fitted(
        BoxRegression model, PieceId[] ids, double[] widths, double[] origins, CancellationToken cancellationToken)
    {
        int d = widths.Length;
        var terms = BoxTerms.Of(d);
        double[][] nodes = Grid(Chebyshev.Nodes(K), d);
        double[][] compared = Grid(_compared, d);
        double[][] polynomials = [.. compared.Select(place => Products(terms, place))];
        var pieces = new List<Piece>();

        // Some at a time: thousands of places each.
        foreach (PieceId[] some in ids.Chunk(Math.Max(1, (1 << 20) / terms.Nodes)))
        {
            cancellationToken.ThrowIfCancellationRequested();
            double[] places = [.. some.SelectMany(id => nodes.Concat(compared).SelectMany(
                t => t.Select((at, j) => Math.ScaleB(widths[j], -id.Depth) * (id.PlaceOf(j) + ((1 + at) / 2)))))];
            CurvePoint[] points = model.At(places, cancellationToken);
            int ofNodes = nodes.Length * origins.Length;
            int each = ofNodes + (compared.Length * origins.Length);
            pieces.AddRange(some.Select((id, i) => Fitted(
                terms, id, points.AsSpan(i * each, ofNodes), points.AsSpan((i * each) + ofNodes, each - ofNodes), polynomials, origins)));
        }

        return pieces;
    }

    // Points of all columns (places, v); rows are as near to a place in each.
    private static Piece Fitted(
        BoxTerms terms, PieceId id, ReadOnlySpan<CurvePoint> nodes, ReadOnlySpan<CurvePoint> compared, double[][] polynomials,
        double[] origins)
    {
        int columns = origins.Length;
        double[] values = new double[nodes.Length / columns];
        bool isFar = true;
        for (int z = 0; z < values.Length; z++)
        {
            double many = nodes[z * columns].EffectiveNeighbours;
            values[z] = Math.Log(double.IsFinite(many) ? many : 1);
            isFar &= nodes[z * columns].IsFar;
        }

        double[] logs = BoxBasis.Coefficients(terms, values);
        double[][] means = new double[columns][];
        double[] errors = new double[columns];
        for (int c = 0; c < columns; c++)
        {
            for (int z = 0; z < values.Length; z++)
            {
                values[z] = nodes[(z * columns) + c].Mean - origins[c];
            }

            means[c] = BoxBasis.Coefficients(terms, values);
        }

        for (int i = 0; i < compared.Length; i++)
        {
            (int place, int c) = Math.DivRem(i, columns);
            double off = Math.Abs(Dot(polynomials[place], means[c]) + origins[c] - compared[i].Mean);
            double offNeighbours = Math.Abs(Dot(polynomials[place], logs) - Math.Log(compared[i].EffectiveNeighbours));
            isFar &= compared[i].IsFar;
            errors[c] = compared[i].IsFar ? errors[c]
                : offNeighbours > NeighboursTolerance ? double.PositiveInfinity
                : Math.Max(errors[c], off);
        }

        return new Piece(id, means, [.. logs.Select(number => (double)(float)number)], errors, isFar);
    }

    private static double[][] Grid(double[] places, int features)
    {
        int n = places.Length;
        return [.. Enumerable.Range(0, (int)Math.Pow(n, features)).Select(i =>
            Enumerable.Range(0, features).Select(j => places[i / (int)Math.Pow(n, features - 1 - j) % n]).ToArray())];
    }

    private static double[] Products(BoxTerms terms, double[] place)
    {
        double[][] polynomials = Array.ConvertAll(place, BoxBasis.Polynomials);
        return [.. terms.Degrees.Select(degrees => degrees.Select((k, j) => polynomials[j][k]).Aggregate(1.0, (a, b) => a * b))];
    }

    private static double Dot(double[] a, double[] b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
        {
            sum += a[i] * b[i];
        }

        return sum;
    }
}
