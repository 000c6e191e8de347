using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.Regression.Categories;

/// <summary>
/// Bandwidths and lambdas that a rule finds best, those given kept as they are; lambdas beside bandwidths that were given, or that a
/// formula has found, are those of the least leave-one-out error.
/// </summary>
internal sealed class MixedSearch
{
    // So wide a bandwidth weighs all examples the same to one part in a hundred.
    private const double MostInRanges = 8;

    // Of more the search begins with a quarter of them, or a half or a third: the best for these is near the best for all.
    private const int ManyExamples = 1000;
    private const int FewExamples = 500;
    private const int MostTimesMore = 4;

    // So many or fewer say which of some degrees is the best.
    private const int EnoughExamples = 4000;
    private const double FirstStep = 0.08;
    private const double StepOfLevels = 0.03;
    private const double StepOfMore = 0.01;

    // A bandwidth's logarithm goes over some 10 units: of the last step a part in a thousand of a bandwidth.
    private const double Precise = 1e-4;
    private const double Rough = 1e-2;
    private const int MostStarts = 3;
    private const double SameValley = 0.1;

    // Where no likely levels come this near to the best that they did elsewhere, the best of all levels are not asked for.
    private const double Hopeless = 1.5;

    // So near its end a bandwidth weighs all examples alike.
    private const double WideFrom = 0.95;

    // Two scores this close are off from each other by the rounding of their sums.
    private const double EqualScores = 1e-9;
    private const double NearlyEqualScores = 0.01;

    private static readonly double[] _likelyWidths = [0.02, 0.05, 0.1, 0.25, 0.6];
    private static readonly double[] _likelyLevels = [0.2, 0.4, 0.7];

    private readonly MixedData _data;
    private readonly KernelRegressionOptions _options;
    private readonly double[]? _lambdas;
    private readonly double[]? _given;
    private readonly BandwidthRule _rule;
    private readonly (double Least, double Most)[] _bounds;
    private readonly CancellationToken _cancellationToken;

    // The examples that the search begins with, more of them, and at last all.
    private readonly MixedData[] _stages;
    private int _stage = -1;
    private Place _found;
    private double[]? _room;
    private double _leastLikely = double.PositiveInfinity;

    public MixedSearch(MixedData data, KernelRegressionOptions options, double[]? lambdas, CancellationToken cancellationToken)
    {
        (_data, _options, _lambdas, _cancellationToken) = (data, options, lambdas, cancellationToken);
        Bandwidth asked = options.Bandwidth;
        int d = data.Numbers.Features;
        _given = asked.Rule is { } rule && asked.Values.Count == 0 ? BandwidthRules.FromFormula(rule, data.Numbers, options.Kernel)
            : [.. Enumerable.Range(0, d).Select(j => asked.Values[asked.Values.Count == 1 ? 0 : j])];
        _rule = _given is null ? asked.Rule!.Value : BandwidthRule.LeaveOneOut;
        _bounds = _given is not null ? [] : [.. Enumerable.Range(0, d).Select(BoundsOf)];
        _stages = [.. Stages(data).Reverse()];
        _found = new Place([.. _bounds.Select(_ => 1.0)], AllAlike(), double.PositiveInfinity);
    }

    /// <summary>
    /// How many examples <see cref="Begin"/> searches among: all where they are not many, or there is no bandwidth to search.
    /// </summary>
    public int BeginsWith => _stages.Last(IsEnough).Numbers.Count;

    /// <summary>How many sums may be kept for all lambdas; of more all pairs are summed again for each.</summary>
    public long MostKept { get; init; } = MixedParts.MostNumbers;

    private bool FindsLambdas => _lambdas is null;

    /// <summary>
    /// The leave-one-out error among some of the examples, at what is best for these; infinite where nothing is.
    /// </summary>
    public double Begin()
    {
        GoOn(Array.FindLastIndex(_stages, IsEnough));
        if (!double.IsFinite(_found.Score))
        {
            return double.PositiveInfinity;
        }

        (double[] bandwidths, double[] lambdas) = At(_found.Widths, _found.Levels);
        MixedData some = _stages[_stage];
        Smoother.Fit fit = some.Fit(new MixedSettings(_options, bandwidths, lambdas), _cancellationToken);
        return Diagnostics.Measure(some.Numbers, fit).LeaveOneOutError;
    }

    /// <summary>Searches, from where it has begun.</summary>
    public (double[] Bandwidths, double[] Lambdas) Find()
    {
        if (_bounds.Length == 0 && !FindsLambdas)
        {
            return At([], []);
        }

        GoOn(_stages.Length - 1);
        Place found = Widest(_found);
        return double.IsFinite(found.Score) ? At(found.Widths, found.Levels)
            : throw new RegressionDataException(
                RegressionProblem.NoBandwidth, $"data for which the {BandwidthRules.CriterionOf(_rule)} is finite at some bandwidth",
                $"{_data.Numbers.Count} examples for which it is not: too many stand alone");
    }

    private bool IsEnough(MixedData some) => some == _stages[0] || some.Numbers.Count <= EnoughExamples;

    private void GoOn(int stage)
    {
        while (_stage < stage)
        {
            MixedData data = _stages[++_stage];
            _found = _bounds.Length == 0 ? Around(data, [], null, Precise)
                : _stage == 0 ? Descend(data, DirectSearch.Scan(place => Look(data, place).Score, _bounds.Length, [.. Likely()]))
                : Descend(
                    data, Narrowed(_found.Widths, (double)data.Numbers.Count / _stages[_stage - 1].Numbers.Count), _found.Levels,
                    StepOfMore);
        }
    }

    private (double[] Bandwidths, double[] Lambdas) At(double[] widths, double[] levels) => (
        _given ?? [.. _bounds.Select((bound, j) => bound.Least * Math.Pow(bound.Most / bound.Least, widths[j]))],
        _lambdas ?? [.. _data.Categories.Select((category, j) => category.LambdaAt(levels[j]))]);

    // From the best starts, those alone that are not where another one has led.
    private Place Descend(MixedData data, IEnumerable<(double[] Point, double Score)> scanned)
    {
        var seen = new List<double[]>();
        Place? best = null;
        foreach ((double[] start, double score) in scanned.Where(one => double.IsFinite(one.Score)))
        {
            if (seen.Any(one => one.Zip(start, (a, b) => Math.Abs(a - b)).Max() < SameValley))
            {
                continue;
            }

            Place found = Descend(data, start, Look(data, start).Levels, FirstStep);
            seen.AddRange([start, found.Widths]);
            best = best is null || found.Score < best.Score ? found : best;
            if (seen.Count == 2 * MostStarts)
            {
                break;
            }
        }

        return best ?? _found;
    }

    private Place Descend(MixedData data, double[] start, double[] levels, double step)
    {
        Place best = Around(data, start, levels, Precise);
        if (!KeepsSums(data))
        {
            (double[] all, double least) = ParabolaSearch.From(
                point => ScoresAt(data, point[..start.Length])(point[start.Length..]), [.. start, .. levels], best.Score, step, Precise);
            return new Place(all[..start.Length], all[start.Length..], least);
        }

        ParabolaSearch.From(
            widths =>
            {
                Place found = Around(data, widths, best.Levels, Precise);
                best = found.Score < best.Score ? found : best;
                return found.Score;
            },
            start, best.Score, step, Precise);
        return best;
    }

    private Place Look(MixedData data, double[] widths) => Around(data, widths, null, Rough);

    // The best levels at some widths where the sums of pairs are there for all of them; else those near, or the likeliest.
    private Place Around(MixedData data, double[] widths, double[]? near, double precise)
    {
        Func<double[], double> score = ScoresAt(data, widths);
        if (!FindsLambdas)
        {
            return new Place(widths, [], score([]));
        }

        (double[] levels, double least) = (near is not null ? [near]
                : _likelyLevels.Select(level => Enumerable.Repeat(level, data.Categories.Count).ToArray()))
            .Select(one => (one, score(one))).MinBy(one => one.Item2);
        _leastLikely = near is null ? Math.Min(_leastLikely, least) : _leastLikely;
        bool isHopeless = near is null && least > Hopeless * _leastLikely;
        (levels, least) = isHopeless || (!KeepsSums(data) && widths.Length > 0) ? (levels, least)
            : ParabolaSearch.From(score, levels, least, near is null ? FirstStep : StepOfLevels, precise);
        return new Place(widths, levels, least);
    }

    private bool KeepsSums(MixedData data) =>
        FindsLambdas && _rule == BandwidthRule.LeaveOneOut && MixedParts.Count(data, _options.Degree) <= MostKept;

    private Func<double[], double> ScoresAt(MixedData data, double[] widths)
    {
        double[] bandwidths = At(widths, AllAlike()).Bandwidths;
        MixedParts? parts = !KeepsSums(data) ? null
            : new MixedParts(data, new MixedSettings(_options, bandwidths, []), _cancellationToken, _room);
        _room = parts?.Room ?? _room;
        return levels =>
        {
            double[] lambdas = At(widths, levels).Lambdas;
            if (parts is not null)
            {
                return data.LeaveOneOut(parts.Others(lambdas));
            }

            var settings = new MixedSettings(_options, bandwidths, lambdas);
            if (_rule == BandwidthRule.LeaveOneOut)
            {
                MixedSums sums = data.SumsOf(data.LeavingOut(settings, hasSquares: false, _cancellationToken), lambdas);
                return data.LeaveOneOut([.. Enumerable.Range(0, data.Numbers.Count).Select(i => sums.Fit(i).Mean)]);
            }

            Smoother.Fit fit = data.Fit(settings, _cancellationToken);
            return !fit.IsAdmissible ? double.PositiveInfinity
                : Diagnostics.Measure(data.Numbers, fit) is var found && _rule == BandwidthRule.AICc ? found.AICc : found.GCV;
        };
    }

    // Of equals the widest: what does not count is at its end. All examples are asked only where some do not tell it either.
    private Place Widest(Place found)
    {
        MixedData some = _stages[^Math.Min(2, _stages.Length)];
        Func<double[], double> levelsThere = ScoresAt(_data, found.Widths);
        for (int j = 0; j < found.Levels.Length; j++)
        {
            double[] wider = [.. found.Levels];
            wider[j] = 1;
            found = found.Levels[j] < 1 && levelsThere(wider) is double there && IsNoMore(there, found.Score, EqualScores)
                ? new Place(found.Widths, wider, Math.Min(found.Score, there)) : found;
        }

        for (int j = 0; j < found.Widths.Length; j++)
        {
            double[] wider = [.. found.Widths];
            wider[j] = 1;
            bool mayBe = found.Widths[j] < 1 && (some == _data || IsNoMore(
                ScoresAt(some, wider)(found.Levels), ScoresAt(some, found.Widths)(found.Levels), NearlyEqualScores));
            found = mayBe && ScoresAt(_data, wider)(found.Levels) is double there && IsNoMore(there, found.Score, EqualScores)
                ? new Place(wider, found.Levels, Math.Min(found.Score, there)) : found;
        }

        return found;

        static bool IsNoMore(double score, double than, double part) => score <= than + (part * Math.Abs(than));
    }

    // As the best bandwidths shrink with the number of examples; one at its end stays.
    private double[] Narrowed(double[] widths, double timesMore)
    {
        double shift = Math.Log(timesMore) / (_bounds.Length + 4);
        return [.. widths.Select((at, j) =>
            at >= WideFrom ? at : Math.Max(0, at - (shift / Math.Log(_bounds[j].Most / _bounds[j].Least))))];
    }

    private double[] AllAlike() => [.. Enumerable.Repeat(1.0, FindsLambdas ? _data.Categories.Count : 0)];

    // Bandwidths of some part of the range.
    private IEnumerable<double[]> Likely() => _likelyWidths.Select(part => (double[])
    [
        .. _bounds.Select((bound, j) => Math.Clamp(Math.Log(part * RangeOf(j) / bound.Least) / Math.Log(bound.Most / bound.Least), 0, 1)),
    ]);

    private double RangeOf(int feature) => _data.Numbers.RangeOf(feature) is var (least, most) ? most - least : 0;

    private IEnumerable<MixedData> Stages(MixedData data)
    {
        yield return data;
        while (_bounds.Length > 0 && data.Numbers.Count > ManyExamples)
        {
            int step = Math.Min(MostTimesMore, data.Numbers.Count / FewExamples);
            yield return data = data.Take([.. data.Numbers.OrderOfItsOwn().Where((_, k) => k % step == 0).Order()]);
        }
    }

    private (double Least, double Most) BoundsOf(int feature)
    {
        if (_options.SearchBounds is { } asked)
        {
            return asked[asked.Count == 1 ? 0 : feature];
        }

        (double least, double most) = _data.Numbers.RangeOf(feature);
        return most > least ? (_data.Numbers.LeastBandwidth(feature), MostInRanges * (most - least))
            : throw new RegressionDataException(
                RegressionProblem.NoSpread, "numbers that vary", $"{least:R} everywhere: no bandwidth can be chosen by it");
    }

    // A point of the search: where each bandwidth and each category stands between its ends.
    private sealed record Place(double[] Widths, double[] Levels, double Score);
}
