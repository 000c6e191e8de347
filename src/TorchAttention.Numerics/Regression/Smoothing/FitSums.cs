namespace TorchAttention.Numerics.Regression.Smoothing;

/// <summary>
/// Sums over examples that a criterion of one bandwidth is made of. With the fit f, the weight o of one more example, and their
/// derivatives f' and o' by log h, an example of weight s has the residual r = y - f; or without itself r = (y - f) / (1 - s o), whose
/// derivative is -(f' - s o' r) / (1 - s o).
/// </summary>
/// <param name="data">The examples.</param>
/// <param name="leaveOut">Whether each is judged by the others alone.</param>
/// <param name="least">The least of 1 - s o at which the others are known by it.</param>
/// <param name="perLog">The derivative of 1/h by log h.</param>
internal sealed class FitSums(SmootherData data, bool leaveOut, double least, double perLog)
{
    /// <summary>sum s r^2, of all columns, and of examples at one place the squares about their mean.</summary>
    public double Squares { get; private set; }

    /// <summary>Its derivative by log h.</summary>
    public double SquaresByLog { get; private set; }

    /// <summary>sum s o = tr H.</summary>
    public double Trace { get; private set; }

    /// <summary>Its derivative by log h.</summary>
    public double TraceByLog { get; private set; }

    /// <summary>The examples that their own weight leaves next to nothing of; where they are left out, they are not in the sums.</summary>
    public List<int> Doubtful { get; } = [];

    /// <summary>Whether all places but the few that may stand alone are fitted by others too.</summary>
    public bool IsAdmissible { get; private set; }

    /// <summary>Adds neighbouring examples.</summary>
    /// <param name="first">The first.</param>
    /// <param name="count">How many.</param>
    /// <param name="answers">The fit to them, with derivatives by 1/h or without.</param>
    /// <param name="place">The place of the first in that.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Add(int first, int count, FitAnswers answers, int place)
    {
        int columns = data.Columns;
        bool hasSlopes = answers.OwnByW.Length > 0;
        ReadOnlySpan<double> fitted = answers.Values.AsSpan(place * columns, count * columns);
        ReadOnlySpan<double> own = answers.OwnWeight.AsSpan(place, count);
        ReadOnlySpan<double> byW = hasSlopes ? answers.ByW.AsSpan(place * columns, count * columns) : [];
        ReadOnlySpan<double> ownByW = hasSlopes ? answers.OwnByW.AsSpan(place, count) : [];
        ReadOnlySpan<double> values = data.Values.AsSpan(first * columns, count * columns);
        ReadOnlySpan<double> weights = data.Weights.Length == 0 ? [] : data.Weights.AsSpan(first, count);
        (double squares, double squaresByW, double trace, double traceByW) = (0, 0, 0, 0);
        for (int i = 0; i < count; i++)
        {
            double weight = weights.Length == 0 ? 1 : weights[i];
            double ofOwn = weight * own[i];
            double ofOwnByW = hasSlopes ? weight * ownByW[i] : 0;
            trace += ofOwn;
            traceByW += ofOwnByW;
            if (!(1 - ofOwn > least))
            {
                Doubtful.Add(first + i);
                if (leaveOut)
                {
                    continue;
                }
            }

            double inverse = leaveOut ? 1 / (1 - ofOwn) : 1;
            double change = leaveOut ? ofOwnByW : 0;
            for (int at = i * columns; at < (i + 1) * columns; at++)
            {
                double residual = (values[at] - fitted[at]) * inverse;
                squares += weight * residual * residual;
                squaresByW -= hasSlopes ? 2 * weight * residual * (byW[at] - (change * residual)) * inverse : 0;
            }
        }

        Squares += squares;
        SquaresByLog += perLog * squaresByW;
        Trace += trace;
        TraceByLog += perLog * traceByW;
    }

    /// <summary>Adds other examples' sums.</summary>
    public void Add(FitSums others)
    {
        Squares += others.Squares;
        SquaresByLog += others.SquaresByLog;
        Trace += others.Trace;
        TraceByLog += others.TraceByLog;
        Doubtful.AddRange(others.Doubtful);
    }

    /// <summary>Adds the doubtful ones by what the others say to them.</summary>
    /// <param name="withoutOwn">What they say (m, v).</param>
    /// <param name="byLog">The derivatives of that by log h (m, v).</param>
    public void AddDoubtful(double[] withoutOwn, double[] byLog)
    {
        for (int k = 0; k < withoutOwn.Length; k++)
        {
            (int doubtful, int column) = Math.DivRem(k, data.Columns);
            int example = Doubtful[doubtful];
            double residual = data.Values[(example * data.Columns) + column] - withoutOwn[k];
            Squares += data.WeightAt(example) * residual * residual;
            SquaresByLog -= 2 * data.WeightAt(example) * residual * byLog[k];
        }
    }

    /// <summary>Adds what no fit changes.</summary>
    /// <param name="alone">How many places no others are in reach of.</param>
    public FitSums Finish(int alone)
    {
        Squares += data.Squares.Sum();
        IsAdmissible = alone <= data.MostAlone;
        return this;
    }
}
