using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.Regression.Bandwidths;

/// <summary>
/// Finds the share of the examples that makes a criterion small. A criterion of shares is a staircase without a slope, so a ladder over all
/// shares comes first, then ever shorter steps about the best. Many examples are judged by few of them first, and then by fits at some
/// places.
/// </summary>
internal sealed class ShareSearch(
    SmootherData data, Criterion criterion, (double Least, double Most)[] bounds, IProgress<double>? progress)
    : CriterionSearch(data, criterion, bounds, progress)
{
    private const double Ladder = 1.5;
    private const int Few = 1_000;
    private const int MostAtOnce = 3_000;

    // Shares nearer than this are hardly different fits; of many examples each trial takes long, and the criterion is flat beside its
    // least.
    private const double LastStep = 1.01;
    private const double LastStepOfMany = 1.04;

    protected override void Find()
    {
        if (Data.Count <= MostAtOnce)
        {
            Descend(Of(Data, Criterion), double.NaN, LastStep);
            return;
        }

        int apart = Data.Count / Few;
        SmootherData few = Data.Take([.. Enumerable.Range(0, Data.Count / apart).Select(i => i * apart)]);
        double share = Descend(Of(few, Criterion), double.NaN, LastStepOfMany);

        // The best bandwidth falls with the fifth root of the number of examples.
        share = Descend(Of(Data, Criterion.AtNodes()), share * Math.Pow((double)few.Count / Data.Count, 0.2), LastStepOfMany);
        if (double.IsPositiveInfinity(Score([share])))
        {
            Descend(Of(Data, Criterion), share, LastStepOfMany);
        }
    }

    // The best share from a place on, or of the whole ladder where there is none.
    private double Descend(Shares shares, double start, double lastStep)
    {
        if (double.IsNaN(start))
        {
            for (double share = Bounds[0].Most; share > shares.Least / Ladder; share /= Ladder)
            {
                shares.Try(share);
            }
        }
        else
        {
            double before;
            shares.Try(start);
            do
            {
                before = shares.Best;
                shares.Try(before * Ladder);
                shares.Try(before / Ladder);
            }
            while (shares.Best != before);
        }

        for (double step = Math.Sqrt(Ladder); step > lastStep; step = Math.Sqrt(step))
        {
            double best = shares.Best;
            shares.Try(best / step);
            shares.Try(best * step);
        }

        return shares.Best;
    }

    private Shares Of(SmootherData examples, Criterion criterion) => new(
        examples.Count,
        (Math.Max(Bounds[0].Least, criterion.LeastShareOf(examples.Count)), Bounds[0].Most),
        share => Keep([share], criterion.At(examples, [share]), isEstimate: examples != Data || criterion != Criterion));

    /// <summary>What was tried of so many examples; shares of as many whole examples are one.</summary>
    private sealed class Shares(int examples, (double Least, double Most) bounds, Func<double, double> score)
    {
        private readonly Dictionary<int, double> _scores = [];

        public double Least => bounds.Least;

        public double Best => (double)_scores.MinBy(tried => tried.Value).Key / examples;

        public void Try(double share)
        {
            int least = (int)Math.Round(bounds.Least * examples);
            int count = Math.Clamp((int)Math.Round(share * examples), least, Math.Max(least, (int)Math.Round(bounds.Most * examples)));
            if (!_scores.ContainsKey(count))
            {
                _scores.Add(count, score((double)count / examples));
            }
        }
    }
}
