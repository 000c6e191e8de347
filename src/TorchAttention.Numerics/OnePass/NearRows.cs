using System.Runtime.InteropServices;

namespace TorchAttention.Numerics.OnePass;

/// <summary>The rows that count for one of them, the nearest first, and which of them say most.</summary>
internal sealed class NearRows
{
    // log 1e20: what is left out is that much less than what counts.
    private const double Beyond = 46;

    // Rows of a cell that is not at hand span so much of it, as far as one can guess.
    private const double PartOfCell = 0.25;

    private readonly List<KeptRow> _rows = [];
    private double[] _along = [];
    private double[] _weights = [];
    private int _top;
    private double _logOfTop;

    // log(w_i w_j (x_i - x_j)^2) of two rows that determine a line best, nearly.
    private double _logOfLine;

    public ReadOnlySpan<KeptRow> Rows => CollectionsMarshal.AsSpan(_rows);

    /// <summary>The row that weighs most.</summary>
    public KeptRow Top => _rows[_top];

    /// <summary>The distances of the rows from the one that weighs most, in bandwidths; for whoever fits to set.</summary>
    public Span<double> Along => _along.AsSpan(0, _rows.Count);

    /// <summary>The weights of the rows; likewise.</summary>
    public Span<double> Weights => _weights.AsSpan(0, _rows.Count);

    /// <summary>The places of the first and the last cell that counts.</summary>
    public int First { get; private set; }

    public int Last { get; private set; }

    /// <summary>Gathers the rows that count at a row's key, without it.</summary>
    /// <param name="rows">All rows at hand.</param>
    /// <param name="row">The row.</param>
    /// <param name="h">The bandwidth.</param>
    /// <param name="degree">0 or 1.</param>
    /// <returns>False where some are not at hand: they are in the cells from the first to the last.</returns>
    public bool Gather(RowsAtHand rows, KeptRow row, double h, int degree)
    {
        MomentLevel cells = rows.Cells;
        _rows.Clear();
        (_logOfTop, _logOfLine) = (double.NegativeInfinity, double.NegativeInfinity);
        int right = rows.FirstFrom(cells.CellOf(row.X));
        int left = right - 1;
        (First, Last) = (right, left);
        bool isLeftOut = false;
        bool isWhole = true;
        double width = cells.CellWidth / h;
        while (left >= 0 || right < cells.Count)
        {
            double toLeft = DistanceTo(left);
            double toRight = DistanceTo(right);
            double distance = Math.Min(toLeft, toRight) / h;
            if (IsEnough(distance, width, rows.LogOfWeight, degree))
            {
                break;
            }

            int cell = toLeft <= toRight ? left-- : right++;
            (First, Last) = (Math.Min(First, cell), Math.Max(Last, cell));
            if (rows.At(cell) is not { } own)
            {
                isWhole = false;
                double log = Math.Log(cells.Weights[cell]) - (0.5 * (distance + width) * (distance + width));
                _logOfTop = Math.Max(_logOfTop, log);
                _logOfLine = Math.Max(_logOfLine, (2 * log) + (2 * Math.Log(PartOfCell * width)));
                continue;
            }

            foreach (KeptRow other in own)
            {
                if (!isLeftOut && other == row)
                {
                    isLeftOut = true;
                    continue;
                }

                Add(other, (other.X - row.X) / h, h, degree);
            }
        }

        if (_along.Length < _rows.Count)
        {
            (_along, _weights) = (new double[2 * _rows.Count], new double[2 * _rows.Count]);
        }

        return isWhole && _rows.Count > 0;

        double DistanceTo(int cell) => cell < 0 || cell >= cells.Count ? double.PositiveInfinity
            : Math.Max(0, Math.Max((cells.Ids[cell] * cells.CellWidth) - row.X, row.X - ((cells.Ids[cell] + 1) * cells.CellWidth)));
    }

    private void Add(KeptRow row, double distance, double h, int degree)
    {
        double log = (row.Weight == 1 ? 0 : Math.Log(row.Weight)) - (0.5 * distance * distance);
        if (degree > 0 && _rows.Count > 0 && row.X != Top.X)
        {
            _logOfLine = Math.Max(_logOfLine, _logOfTop + log + (2 * Math.Log(Math.Abs(row.X - Top.X) / h)));
        }

        if (_rows.Count == 0 || log > _logOfTop)
        {
            (_top, _logOfTop) = (_rows.Count, log);
        }

        _rows.Add(row);
    }

    // All rows that are farther, were they as near as they may be, weigh that much less; for a line, by the squares of their distances.
    private bool IsEnough(double distance, double width, double logOfAll, int degree)
    {
        double log = logOfAll - (0.5 * distance * distance) + Beyond;
        return log <= _logOfTop
            && (degree == 0 || _logOfTop + logOfAll + log + (2 * Math.Log((2 * distance) + width)) <= _logOfLine);
    }
}
