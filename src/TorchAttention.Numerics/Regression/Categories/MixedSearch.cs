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

    // Of more the search begins with some: the best for these is near the best for all.
    private const int ManyExamples = 4000;
    private const int FewExamples = 1500;
    private const double StepOfAll = 0.03;

    // Two scores this close are off from each other by the rounding of their sums.
    private const double EqualScores = 1e-9;

    private static readonly double[] _likelyWidths = [0.02, 0.05, 0.1, 0.25, 0.6];
    private static readonly double[] _likelyLevels = [0.2, 0.4, 0.7];

    private readonly MixedData _data;
    private readonly KernelRegressionOptions _options;
    private readonly double[]? _lambdas;
    private readonly double[]? _given;
    private readonly BandwidthRule _rule;
    private readonly (double Least, double Most)[] _bounds;
    private readonly CancellationToken _cancellationToken;

    public MixedSearch(MixedData data, KernelRegressionOptions options, double[]? lambdas, CancellationToken cancellationToken)
    {
        (_data, _options, _lambdas, _cancellationToken) = (data, options, lambdas, cancellationToken);
        Bandwidth asked = options.Bandwidth;
        int d = data.Numbers.Features;
        _given = asked.Rule is { } rule && asked.Values.Count == 0 ? BandwidthRules.FromFormula(rule, data.Numbers, options.Kernel)
            : [.. Enumerable.Range(0, d).Select(j => asked.Values[asked.Values.Count == 1 ? 0 : j])];
        _rule = _given is null ? asked.Rule!.Value : BandwidthRule.LeaveOneOut;
        _bounds = _given is not null ? [] : [.. Enumerable.Range(0, d).Select(BoundsOf)];
    }

    private int Searched => _bounds.Length + (_lambdas is null ? _data.Categories.Count : 0);

    /// <summary>Searches.</summary>
    public (double[] Bandwidths, double[] Lambdas) Find()
    {
        if (Searched == 0)
        {
            return At([]);
        }

        MixedData some = Some();
        (double[] point, double score) = DirectSearch.Find(place => Score(some, place), Searched, [.. Likely()]);
        if (some != _data)
        {
            (point, score) = DirectSearch.From(place => Score(_data, place), point, StepOfAll);
        }

        // Of equals the widest: what does not count is at its end.
        for (int j = 0; j < point.Length; j++)
        {
            double[] wider = [.. point];
            wider[j] = 1;
            if (point[j] < 1 && Score(_data, wider) is double there && there <= score + (EqualScores * Math.Abs(score)))
            {
                (point, score) = (wider, Math.Min(score, there));
            }
        }

        return double.IsFinite(score) ? At(point)
            : throw new RegressionDataException(
                RegressionProblem.NoBandwidth, $"data for which the {BandwidthRules.CriterionOf(_rule)} is finite at some bandwidth",
                $"{_data.Numbers.Count} examples for which it is not: too many stand alone");
    }

    private (double[] Bandwidths, double[] Lambdas) At(double[] point)
    {
        int d = _bounds.Length;
        return (
            _given ?? [.. _bounds.Select((bound, j) => bound.Least * Math.Pow(bound.Most / bound.Least, point[j]))],
            _lambdas ?? [.. _data.Categories.Select((category, j) => category.LambdaAt(point[d + j]))]);
    }

    private double Score(MixedData data, double[] point)
    {
        (double[] bandwidths, double[] lambdas) = At(point);
        var settings = new MixedSettings(_options, bandwidths, lambdas);
        if (_rule == BandwidthRule.LeaveOneOut)
        {
            return data.LeaveOneOut(settings, _cancellationToken);
        }

        Smoother.Fit fit = data.Fit(settings, _cancellationToken);
        return !fit.IsAdmissible ? double.PositiveInfinity
            : Diagnostics.Measure(data.Numbers, fit) is var found && _rule == BandwidthRule.AICc ? found.AICc : found.GCV;
    }

    // Bandwidths of some part of the range, and levels that count for something at others.
    private IEnumerable<double[]> Likely() => _likelyWidths.SelectMany(part => _likelyLevels.Select(level => (double[])
    [
        .. _bounds.Select((bound, j) => Math.Clamp(Math.Log(part * RangeOf(j) / bound.Least) / Math.Log(bound.Most / bound.Least), 0, 1)),
        .. Enumerable.Repeat(level, Searched - _bounds.Length),
    ]));

    private double RangeOf(int feature) => _data.Numbers.RangeOf(feature) is var (least, most) ? most - least : 0;

    private MixedData Some()
    {
        int n = _data.Numbers.Count;
        int step = n > ManyExamples ? n / FewExamples : 1;
        return step == 1 ? _data
            : _data.Take([.. _data.Numbers.OrderOfItsOwn().Where((_, k) => k % step == 0).Order()]);
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
}
