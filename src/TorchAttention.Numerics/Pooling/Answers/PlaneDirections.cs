namespace TorchAttention.Numerics.Pooling.Answers;

/// <summary>
/// The directions that weighted points determine, the heaviest first, and their coordinates along them as rows of a weighted least-squares
/// problem.
/// </summary>
/// <remarks>
/// <para>Directions are chosen as row pivoting in a QR decomposition chooses them: from the point that weighs most, each towards the point
/// off the directions so far whose weight times squared distance from them is largest. In coordinates along them, in units of that largest,
/// no entry of the problem is above 1, and sums are good to their last digits where weights differ by hundreds of orders or the points are
/// nearly on a line (A. J. Cox and N. J. Higham, 1998).</para>
/// <para>A point is off the directions where its distance from them is more than 1e-9 of its distance from the heaviest point, whatever it
/// weighs. Where none is, the directions left are open. Neither depends on the order of points or features.</para>
/// <para>Where the weights that are left to a direction are so small beside those of the one before that no digit of the latter's answer
/// could notice (a query far from all keys has only its nearest left), they are raised: float64 could not hold them, and the answer is the
/// same.</para>
/// </remarks>
/// <param name="features">d.</param>
internal sealed class PlaneDirections(int features)
{
    // The part of a point's distance up to which a distance is nothing but rounding.
    private const double Rounding = 1e-9;

    private const double RoundingOfProjection = 1e-14;

    // e^-100 of one direction's weight is beyond its last digit even where the points' distance along it is 1 / Rounding times larger.
    private const double MostGap = 100;

    // Half of this is still an exponent that float64 can hold.
    private const double SmallestExponent = -1300;

    // Weights times squares above this are compared as they are, not by their logarithms.
    private const double Representable = 1e-250;

    private readonly double[] _directions = new double[features * features];
    private double[] _positions = [];
    private double[] _logWeights = [];
    private double[] _off = [];
    private double[] _squares = [];
    private double[] _squaresOff = [];
    private int[] _level = [];
    private int _heaviest;

    /// <summary>The number of points.</summary>
    public int Count { get; private set; }

    /// <summary>The points that the directions lead from and to, in the order they were found.</summary>
    public List<int> Chosen { get; } = [];

    /// <summary>How many directions there are.</summary>
    public int Rank { get; private set; }

    /// <summary>The logarithm of what the last direction hangs on: the largest weight times squared distance along it.</summary>
    public double LeastExponent { get; private set; }

    /// <summary>The logarithm of the largest weight.</summary>
    public double LargestLogWeight => _logWeights[_heaviest];

    /// <summary>The roots of the weights, as parts of the largest, and raised (n).</summary>
    public double[] Roots { get; private set; } = [];

    /// <summary>
    /// Coordinates from the heaviest point along the directions (n, d); in <see cref="Units"/> and times <see cref="Roots"/> once they are
    /// weighed.
    /// </summary>
    public double[] Along { get; private set; } = [];

    /// <summary>What coordinates along each direction are multiplied by (d).</summary>
    public double[] Units { get; } = new double[features];

    /// <summary>By what weights are raised that have no part in the directions before one (d + 1, from none on).</summary>
    public Raise[] Raised { get; } = new Raise[features + 1];

    /// <summary>Forgets the points.</summary>
    public void Clear() => Count = 0;

    /// <summary>Adds a point.</summary>
    /// <param name="logWeight">The logarithm of its weight.</param>
    /// <param name="position">Its position (d).</param>
    public void Add(double logWeight, ReadOnlySpan<double> position)
    {
        if (Count == _logWeights.Length)
        {
            int size = Math.Max(16, 2 * Count);
            Array.Resize(ref _logWeights, size);
            Array.Resize(ref _positions, size * features);
        }

        _logWeights[Count] = logWeight;
        position.CopyTo(_positions.AsSpan(Count * features));
        Count++;
    }

    /// <summary>Finds the directions.</summary>
    public void Find()
    {
        Begin();
        while (Rank < features && Widen())
        {
            Rank++;
        }
    }

    /// <summary>Turns coordinates into rows of the least-squares problem.</summary>
    public void Weigh()
    {
        for (int i = 0; i < Count; i++)
        {
            if (Raised[_level[i]] is { IsNone: false } raised)
            {
                Roots[i] = Math.Exp(raised.Of(_logWeights[i] - LargestLogWeight) / 2);
            }

            for (int k = 0; k < Rank; k++)
            {
                Along[(i * features) + k] *= Units[k] * Roots[i];
            }
        }
    }

    /// <summary>By what a point's weight is raised.</summary>
    public Raise RaisedOf(int point) => Raised[_level[point]];

    /// <summary>A point's coordinate in a feature.</summary>
    public double Position(int point, int feature) => _positions[(point * features) + feature];

    /// <summary>The coordinates of a place along the directions, in <see cref="Units"/>.</summary>
    /// <param name="place">The place (d); what is left of it off the directions, afterwards.</param>
    /// <param name="along">Where the coordinates go (d).</param>
    public void Resolve(Span<double> place, double[] along)
    {
        for (int j = 0; j < features; j++)
        {
            place[j] -= Position(_heaviest, j);
        }

        double square = Dot(place, place);
        for (int k = 0; k < Rank; k++)
        {
            along[k] = TakeOff(_directions.AsSpan(k * features, features), place) * Units[k];
            ClearRounding(place, square);
        }
    }

    /// <summary>What a linear function with coefficients along the directions has in a feature.</summary>
    /// <param name="coefficients">The coefficients (d).</param>
    /// <param name="feature">The feature.</param>
    public double InFeature(double[] coefficients, int feature)
    {
        double sum = 0;
        for (int k = 0; k < Rank; k++)
        {
            sum += _directions[(k * features) + feature] * Units[k] * coefficients[k];
        }

        return sum;
    }

    /// <summary>The projection (d, d) on what is open.</summary>
    public double[] OpenProjection()
    {
        double[] projection = new double[features * features];
        for (int j = 0; j < features; j++)
        {
            projection[(j * features) + j] = 1;
            for (int k = 0; k < Rank; k++)
            {
                for (int l = 0; l < features; l++)
                {
                    projection[(j * features) + l] -= _directions[(k * features) + j] * _directions[(k * features) + l];
                }
            }
        }

        // A feature that has no part in what is open must have none at all: what it varies by may be less than another's rounding.
        for (int i = 0; i < projection.Length; i++)
        {
            projection[i] = Math.Abs(projection[i]) > RoundingOfProjection ? projection[i] : 0;
        }

        return projection;
    }

    private void Begin()
    {
        if (_level.Length < Count)
        {
            int size = _logWeights.Length;
            _off = new double[size * features];
            Along = new double[size * features];
            _squares = new double[size];
            _squaresOff = new double[size];
            Roots = new double[size];
            _level = new int[size];
        }

        Rank = 0;
        _heaviest = 0;
        for (int i = 1; i < Count; i++)
        {
            _heaviest = _logWeights[i] > _logWeights[_heaviest] ? i : _heaviest;
        }

        Chosen.Clear();
        if (Count > 0)
        {
            Chosen.Add(_heaviest);
        }

        for (int i = 0; i < Count; i++)
        {
            _level[i] = 0;
            Roots[i] = Math.Exp((_logWeights[i] - LargestLogWeight) / 2);
            double square = 0;
            for (int j = 0; j < features; j++)
            {
                double off = Position(i, j) - Position(_heaviest, j);
                _off[(i * features) + j] = off;
                Along[(i * features) + j] = 0;
                square += off * off;
            }

            _squares[i] = square;
            _squaresOff[i] = square;
        }
    }

    // One direction more; false where no point is off those there are.
    private bool Widen()
    {
        (int best, double heaviest) = Pivot();
        if (best < 0)
        {
            return false;
        }

        double logWeight = _logWeights[best] - LargestLogWeight;
        double logSquare = Math.Log(_squaresOff[best]);
        double before = Rank == 0 ? double.PositiveInfinity : -2 * Math.Log(Units[Rank - 1]);
        Raise raised = Raise.Min(new Raise(logWeight, before - MostGap - logSquare), new Raise(heaviest, -MostGap));
        raised = Raise.Max(Raised[Rank], raised);
        double exponent = raised.Of(logWeight) + logSquare;
        if (exponent < SmallestExponent)
        {
            return false;
        }

        Chosen.Add(best);
        LeastExponent = logWeight + logSquare + LargestLogWeight;
        Raised[Rank + 1] = raised;
        Units[Rank] = Math.Exp(-exponent / 2);
        Span<double> direction = _directions.AsSpan(Rank * features, features);
        _off.AsSpan(best * features, features).CopyTo(direction);
        for (int k = 0; k < Rank; k++)
        {
            TakeOff(_directions.AsSpan(k * features, features), direction);
        }

        double length = Math.Sqrt(Dot(direction, direction));
        for (int j = 0; j < features; j++)
        {
            direction[j] /= length;
        }

        for (int i = 0; i < Count; i++)
        {
            if (_squaresOff[i] > 0)
            {
                Span<double> off = _off.AsSpan(i * features, features);
                _level[i] = Rank + 1;
                Along[(i * features) + Rank] = TakeOff(direction, off);
                _squaresOff[i] = ClearRounding(off, _squares[i]);
            }
        }

        return true;
    }

    // The point whose weight times squared distance from the directions is largest, and the logarithm of the weight of the heaviest point
    // off them.
    private (int Point, double Heaviest) Pivot()
    {
        (int best, double most, double heaviest) = (-1, 0, double.NegativeInfinity);
        for (int i = 0; i < Count; i++)
        {
            if (_squaresOff[i] > 0)
            {
                double size = Roots[i] * Roots[i] * _squaresOff[i];
                (best, most) = size > most ? (i, size) : (best, most);
                heaviest = Math.Max(heaviest, _logWeights[i] - LargestLogWeight);
            }
        }

        if (most > Representable)
        {
            return (best, heaviest);
        }

        (best, most) = (-1, double.NegativeInfinity);
        for (int i = 0; i < Count; i++)
        {
            if (_squaresOff[i] > 0)
            {
                double size = _logWeights[i] - LargestLogWeight + Math.Log(_squaresOff[i]);
                (best, most) = size > most ? (i, size) : (best, most);
            }
        }

        return (best, heaviest);
    }

    // The square of what is off the directions, where that is more than rounding.
    private static double ClearRounding(Span<double> off, double square)
    {
        double left = Dot(off, off);
        if (left > Rounding * Rounding * square)
        {
            return left;
        }

        off.Clear();
        return 0;
    }

    private static double TakeOff(ReadOnlySpan<double> direction, Span<double> from)
    {
        double along = Dot(direction, from);
        for (int j = 0; j < from.Length; j++)
        {
            from[j] -= along * direction[j];
        }

        return along;
    }

    private static double Dot(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        double sum = 0;
        for (int j = 0; j < a.Length; j++)
        {
            sum += a[j] * b[j];
        }

        return sum;
    }
}
