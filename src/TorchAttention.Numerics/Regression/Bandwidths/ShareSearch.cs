using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.Regression.Bandwidths;

/// <summary>
/// Finds the share of the examples that makes a criterion small. A criterion of shares is a staircase without a slope, so the ladder of
/// all shares comes first, then ever shorter steps about the best.
/// </summary>
internal sealed class ShareSearch(
    SmootherData data, Criterion criterion, (double Least, double Most)[] bounds, IProgress<double>? progress)
    : CriterionSearch(data, criterion, bounds, progress)
{
    private const double Ladder = 1.5;

    // Shares nearer than this are hardly different fits.
    private const double LastStep = 1.01;

    private readonly Dictionary<int, double> _scores = [];

    protected override void Find()
    {
        int least = (int)Math.Ceiling((Bounds[0].Least * Data.Count) - 0.5);
        int most = (int)Math.Floor((Bounds[0].Most * Data.Count) + 0.5);
        for (double count = most; ; count /= Ladder)
        {
            ScoreOf(count);
            if (count <= least)
            {
                break;
            }
        }

        for (double step = Math.Sqrt(Ladder); step > LastStep; step = Math.Sqrt(step))
        {
            int best = _scores.MinBy(score => score.Value).Key;
            ScoreOf(best / step);
            ScoreOf(best * step);
        }

        void ScoreOf(double count)
        {
            int whole = Math.Clamp((int)Math.Round(count), least, most);
            if (!_scores.ContainsKey(whole))
            {
                _scores.Add(whole, Score([(double)whole / Data.Count]));
            }
        }
    }
}
