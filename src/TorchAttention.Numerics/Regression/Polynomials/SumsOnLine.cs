using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Pooling.Methods.Line;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Regression.Polynomials;

/// <summary>
/// One feature: queries in order by what is summed of cells of keys, and pair by pair those whose sums are too small to be known.
/// </summary>
internal sealed unsafe class SumsOnLine<TKernel, TLanes> : PolynomialPass<TKernel, TLanes>
    where TKernel : IKernel
    where TLanes : struct, ILanes<TLanes, double>
{
    public const int QueriesInPart = 1024;

    // The part of a sum of weights that its error may be, and the part that must be left where a query does not see its own key.
    private const double LeastKnown = 1e-10;
    private const double LeastLeft = 1e-3;

    private readonly SortedNumbers _queries;
    private readonly LineKeys _keys;
    private readonly int[] _places;
    private readonly IRowSums _sums;
    private readonly IRowSums? _squares;
    private readonly PairsOnLine<TKernel, TLanes> _pairs;
    private readonly Scratch _memory;
    private readonly double* _rows;
    private readonly double* _errors;
    private readonly double* _squareRows;
    private readonly double* _squareErrors;

    public SumsOnLine(
        PolynomialRequest request, SortedNumbers queries, IRowSums sums, IRowSums? squares)
        : base(request)
    {
        (_queries, _sums, _squares) = (queries, sums, squares);
        _keys = request.Owner.Samples.Line;
        _places = request.LeftOut.Length == 0 ? [] : request.Owner.Samples.PlacesOnLine;
        _pairs = new PairsOnLine<TKernel, TLanes>(request);
        _memory = new Scratch((long)QueriesInPart * (Layout.Squares + Layout.SquareTerms + 2) * sizeof(double));
        _rows = _memory.As<double>();
        _squareRows = _rows + ((long)QueriesInPart * Layout.Squares);
        _errors = _squareRows + ((long)QueriesInPart * Layout.SquareTerms);
        _squareErrors = _errors + QueriesInPart;
    }

    public override void Answer(int part)
    {
        int first = part * QueriesInPart;
        int count = Math.Min(QueriesInPart, _queries.Count - first);
        Sum(_sums, _rows, Layout.Squares, _errors);
        if (_squares is not null)
        {
            Sum(_squares, _squareRows, Layout.SquareTerms, _squareErrors);
        }

        double[] widths = new double[Request.Owner.IsShare ? count : 0];
        if (widths.Length > 0)
        {
            Request.Owner.WidthsAt(new ReadOnlySpan<double>(_queries.Numbers + first, count), widths);
        }

        for (int i = 0; i < count; i++)
        {
            int query = _queries.Order[first + i];
            new ReadOnlySpan<double>(_rows + ((long)i * Layout.Squares), Layout.Squares).CopyTo(Row);
            bool isKnown = IsKnown(Row[0], _errors[i]) && TakeOwn(query, _queries.Numbers[first + i]);
            if (isKnown && _squares is not null)
            {
                isKnown = IsKnown(*SquaresOf(i), _squareErrors[i]);
                AddSquares(SquaresOf(i));
            }

            if (isKnown)
            {
                if (widths.Length > 0)
                {
                    *Inverse = 1 / widths[i];
                }

                Finish(query, 0);
            }
            else
            {
                _pairs.AnswerOne(query);
            }
        }

        double* SquaresOf(int i) => _squareRows + ((long)i * Layout.SquareTerms);

        void Sum(IRowSums cells, double* rows, int length, double* errors)
        {
            new Span<double>(rows, count * length).Clear();
            cells.Sum(_queries.Numbers + first, count, rows, errors);
        }
    }

    protected override void Dispose(bool isDisposing)
    {
        _pairs.Dispose();
        _memory.Dispose();
        base.Dispose(isDisposing);
    }

    private static bool IsKnown(double sum, double error) => sum > 0 && error <= LeastKnown * sum;

    // The square of a Gaussian is one that is narrower by the root of 2, whose positions are larger by that.
    private void AddSquares(double* squares)
    {
        double factor = KernelTraits<TKernel>.IsGaussian ? 1 / Math.Sqrt(2) : 1;
        double unit = 1;
        for (int k = 0; k < Layout.SquareTerms; k++)
        {
            Row[Layout.Squares + k] = squares[k] * unit;
            unit *= factor;
        }
    }

    // A key at the query itself has the weight 1 and no position; one elsewhere is left to the pairs.
    private bool TakeOwn(int query, double number)
    {
        int key = Request.LeftOutOf(query);
        if (key < 0)
        {
            return true;
        }

        int place = _places[key];
        if (_keys.Keys[place] != number || Layout.SquareTerms > 0)
        {
            return false;
        }

        double before = Row[0];
        Row[0] -= _keys.SampleWeights is null ? 1 : _keys.SampleWeights[place];
        for (int c = 0; c < _keys.Columns; c++)
        {
            Row[Layout.Values + (c * Layout.ValueTerms)] -= _keys.Values[((long)c * _keys.Stride) + place];
        }

        return Row[0] > LeastLeft * before;
    }
}
