using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Regression.Polynomials;

/// <summary>What a thread does for some queries: sums, the polynomial that follows from them, the answers.</summary>
internal abstract unsafe class PolynomialPass<TKernel, TLanes> : IDisposable
    where TKernel : IKernel
    where TLanes : struct, ILanes<TLanes, double>
{
    /// <summary>
    /// The squared distance of the nearest key, in bandwidths, from which on a Gaussian's weights are relative to that key's. They are
    /// below e^-300 there, and a ridge leaves nothing but the constant.
    /// </summary>
    protected const double FarSquare = 600;

    /// <summary>
    /// How much further than the nearest key, squared and in bandwidths, a Gaussian's keys count: what lies beyond weighs 3e-20 of it, and
    /// its sixth power is below a part in 1e13.
    /// </summary>
    protected const double ReachSquare = 90;

    /// <summary>
    /// How many bandwidths a Gaussian's query is from its nearest key at most. From further away it is moved up to there: nothing but the
    /// nearest keys count already, and beyond 1e8 squares no longer tell one key's distance from another's.
    /// </summary>
    protected const double Farthest = 1e6;

    private readonly Scratch _memory;
    private readonly LocalSystem _system;
    private readonly double[] _solution;

    protected PolynomialPass(PolynomialRequest request)
    {
        Request = request;
        LocalPolynomials owner = request.Owner;
        Layout = owner.LayoutFor(request);
        _system = new LocalSystem(Layout, owner.Ridge / owner.Samples.LargestSampleWeight);
        Row = new double[Layout.Length];
        _solution = new double[Layout.Terms];
        int buffer = PolynomialLoops<TKernel, TLanes>.BufferLength(Layout);
        _memory = new Scratch((buffer + (2L * owner.Features)) * sizeof(double));
        Buffer = _memory.As<double>();
        Query = Buffer + buffer;
        Inverse = Query + owner.Features;
        for (int j = 0; j < owner.Features; j++)
        {
            // A share is made a width at each query.
            Inverse[j] = 1 / owner.Bandwidths[j];
        }
    }

    protected PolynomialRequest Request { get; }

    protected PolynomialLayout Layout { get; }

    protected double[] Row { get; }

    /// <summary>Registers of sums.</summary>
    protected double* Buffer { get; }

    /// <summary>The query (d).</summary>
    protected double* Query { get; }

    /// <summary>1/h (d).</summary>
    protected double* Inverse { get; }

    /// <summary>Answers some queries.</summary>
    public abstract void Answer(int part);

    public void Dispose()
    {
        Dispose(isDisposing: true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool isDisposing) => _memory.Dispose();

    /// <summary>What raises the kernel's argument so that a key at a squared distance has the weight 1.</summary>
    protected static double OffsetFor(double square) => -square * TKernel.ArgumentScale;

    /// <summary>Makes all sums 0.</summary>
    protected void ClearSums()
    {
        new Span<double>(Buffer, Layout.Length * TLanes.Count).Clear();
        Array.Clear(Row);
    }

    /// <summary>From the sums in the row to the answers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    protected void Finish(int query, double offset)
    {
        if (Request.Rows.Length > 0)
        {
            Row.CopyTo(Request.Rows, query * Layout.Length);
            Request.Offsets[query] = offset;
            return;
        }

        LocalPolynomials owner = Request.Owner;
        bool hasNeighbour = Row[0] > 0;
        Request.HasNeighbour[query] = hasNeighbour;
        if (!hasNeighbour)
        {
            return;
        }

        _system.Factor(Row, isConstant: owner.Degree == 0 || (offset > 0 && owner.Ridge > 0));
        Request.Fitted?.Invoke(Layout, _system, Row, offset);
        Request.IsLevel[query] = owner is { Ridge: 0, Degree: > 0 } && _system.IsLevel;
        Span<double> values = Request.Values.AsSpan(query * owner.Columns, owner.Columns);
        for (int c = 0; c < values.Length; c++)
        {
            values[c] = owner.Samples.Centres[c] + (owner.Samples.HalfRanges[c] * _system.Value(Row, c));
        }

        if (Request.OwnWeight.Length > 0)
        {
            Request.OwnWeight[query] = _system.Weights[0] * double.Exp2(offset) / owner.Samples.LargestSampleWeight;
        }

        if (Request.EffectiveNeighbours.Length > 0)
        {
            Request.EffectiveNeighbours[query] = owner.Samples.LargestSampleWeight / _system.SquaredWeights(Row);
        }

        for (int j = 0; j < owner.Features; j++)
        {
            AnswerFor(query, j);
        }
    }

    private void AnswerSquares(int query, int feature)
    {
        LocalPolynomials owner = Request.Owner;
        if (Request.SlopeSquares.Length == 0)
        {
            return;
        }

        if (owner.Degree == 0)
        {
            LocalSystem.SlopeOfMean(Row, feature, _solution);
        }

        Request.SlopeSquares[(query * owner.Features) + feature] = Inverse[feature] * Inverse[feature]
            * _system.SquaredWeights(_solution, Row) / owner.Samples.LargestSampleWeight;
    }

    // What has a number for each feature.
    private void AnswerFor(int query, int feature)
    {
        LocalPolynomials owner = Request.Owner;
        double h = owner.Bandwidths[feature];
        if (Request.LogWeightSumGradient.Length > 0)
        {
            int square = Layout.Product(1 + feature, 1 + feature);
            Request.LogWeightSumGradient[(query * owner.Features) + feature] = -h * Row[square] / Row[0];
        }

        if (Request.Slopes.Length > 0)
        {
            _system.SolveUnit(1 + feature, _solution);
            AnswerSquares(query, feature);
            for (int c = 0; c < owner.Columns; c++)
            {
                Request.Slopes[(((query * owner.Columns) + c) * owner.Features) + feature] =
                    owner.Samples.HalfRanges[c] * Inverse[feature] * _system.Dot(_solution, Row, c);
            }
        }

        if (!Layout.HasGradient)
        {
            return;
        }

        _system.Bend(Row, feature, _solution);
        for (int c = 0; c < owner.Columns && Request.InverseBandwidthGradient.Length > 0; c++)
        {
            Request.InverseBandwidthGradient[(((query * owner.Columns) + c) * owner.Features) + feature] =
                -h * owner.Samples.HalfRanges[c] * _system.Slope(Row, feature, _solution, c);
        }

        if (Request.OwnWeightGradient.Length > 0)
        {
            Request.OwnWeightGradient[(query * owner.Features) + feature] = h * _solution[0] / owner.Samples.LargestSampleWeight;
        }
    }
}
