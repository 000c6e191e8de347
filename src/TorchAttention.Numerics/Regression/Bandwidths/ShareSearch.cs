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

        // The few say which step of the ladder.
        int apart = Data.Count / Few;
        SmootherData few = Data.Take([.. Enumerable.Range(0, Data.Count / apart).Select(i => i * apart)]);
        double share = Descend(Of(few, Criterion.AtNodes()), double.NaN, Ladder);

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
            double most = Bounds[0].Most;
            shares.Try(most);
            int steps = (int)Math.Ceiling(Math.Log(most * Ladder / shares.Least) / Math.Log(Ladder)) - 1;
            shares.Try([.. Enumerable.Range(1, Math.Max(0, steps)).Select(step => most / Math.Pow(Ladder, step))]);
        }
        else
        {
            double before;
            shares.Try(start);
            do
            {
                before = shares.Best;
                shares.Try(before * Ladder, before / Ladder);
            }
            while (shares.Best != before);
        }

        for (double step = Math.Sqrt(Ladder); step > lastStep; step = Math.Sqrt(step))
        {
            double best = shares.Best;
            shares.Try(best / step, best * step);
        }

        return shares.Best;
    }

    private Shares Of(SmootherData examples, Criterion criterion) => new(
        examples.Count,
        (Math.Max(Bounds[0].Least, criterion.LeastShareOf(examples.Count)), Bounds[0].Most),
        shares =>
        {
            Criterion own = shares.Length > 1 ? criterion.OnOneThread() : criterion;
            double[] scores = new double[shares.Length];
            Criterion.ForEach(shares.Length, i => scores[i] = own.At(examples, [shares[i]]));
            bool isEstimate = examples != Data || criterion != Criterion;
            return [.. shares.Zip(scores, (share, score) => Keep([share], score, isEstimate))];
        });

    /// <summary>What was tried of so many examples; shares of as many whole examples are one.</summary>
    private sealed class Shares(int examples, (double Least, double Most) bounds, Func<double[], double[]> score)
    {
        private readonly Dictionary<int, double> _scores = [];

        public double Least => bounds.Least;

        public double Best => (double)_scores.MinBy(tried => tried.Value).Key / examples;

        // Several at once, each on a thread of its own.
        public void Try(params double[] shares)
        {
            int least = (int)Math.Round(bounds.Least * examples);
            int most = Math.Max(least, (int)Math.Round(bounds.Most * examples));
            int[] counts = [.. shares.Select(share => Math.Clamp((int)Math.Round(share * examples), least, most))
                .Where(count => !_scores.ContainsKey(count)).Distinct()];
            foreach ((int count, double found) in counts.Zip(score([.. counts.Select(count => (double)count / examples)])))
            {
                _scores.Add(count, found);
            }
        }
    }
}
