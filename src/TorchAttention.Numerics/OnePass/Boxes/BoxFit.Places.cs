using TorchAttention.Numerics.Pooling.Answers;

namespace TorchAttention.Numerics.OnePass.Boxes;

/// <content>Boxes whose many rows lie at one place, as keys that are whole numbers do: these share one plane.</content>
internal sealed partial class BoxFit
{
    // The place within a box, -1 to 1 along each feature, of all its rows that are not kept; null where they lie at several.
    private double[]? PlaceOf(int box)
    {
        double[] m = _level.Light[0].M;
        int first = box * _level.Terms.Count;
        double[] place = new double[Features];
        for (int j = 0; j < Features; j++)
        {
            place[j] = m[first + _level.Terms.First(j)] / m[first];
            double square = (1 + (m[first + _level.Terms.Second(j)] / m[first])) / 2;
            if (square - (place[j] * place[j]) > BoxSpan.LeastSpread)
            {
                return null;
            }
        }

        return place;
    }

    private BoxScore OfPlace(int box, double[] place, double[][] sums, double off, double[][] scratch)
    {
        double[] shares = BoxBasis.Products(Array.ConvertAll(place, BoxBasis.Shares));
        double[] at = Array.ConvertAll(sums, sum => BoxBasis.At(sum, shares));
        var plane = new BoxPlane(_layout, _far.Span);
        plane.Set(at);
        if (plane.TrySolve(off + (RoundedPairs * at[0])))
        {
            SetAll(plane, scratch);
        }
        else
        {
            double[] x = [.. place.Select((t, j) =>
                _level.Ends(_level.Ids[box], j) is var ends ? ends[0] + ((1 + t) / 2 * (ends[1] - ends[0])) : t)];
            SetAll(_far.PlaneAt(x), scratch);
        }

        for (int t = 0; t < _level.Light.Length; t++)
        {
            AtOne(_level.Light[t].M, box, scratch, Masses + t);
        }

        return OfMany(box, scratch, AtOne);
    }

    // The plane at the place, as if all nodes were there.
    private void SetAll<TPlane>(TPlane plane, double[][] scratch)
        where TPlane : IPlane
    {
        Array.Fill(scratch[Own], plane.OwnWeight);
        Array.Fill(scratch[Parts], _layout.Kind == BoxSumsKind.Squares ? plane.SquaredWeights() : 0);
        for (int j = 0; j < Features && HasSlopes; j++)
        {
            Array.Fill(scratch[OwnByLog + j], plane.OwnWeightChange(j));
        }

        for (int c = 0; c < Columns; c++)
        {
            Array.Fill(scratch[Fitted + c], plane.Height(c));
            if (HasSlopes)
            {
                plane.SolveSlopes(c);
                for (int j = 0; j < Features; j++)
                {
                    Array.Fill(scratch[FittedByLog + (c * Features) + j], plane.HeightChange(j, c));
                }
            }
        }
    }

    // All of a box's moments at the first node.
    private double[] AtOne(double[] moments, int box, double[][] scratch, int place)
    {
        Array.Clear(scratch[place]);
        scratch[place][0] = moments[box * _level.Terms.Count];
        return scratch[place];
    }
}
