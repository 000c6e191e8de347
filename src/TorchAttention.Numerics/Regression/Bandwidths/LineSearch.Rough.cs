namespace TorchAttention.Numerics.Regression.Bandwidths;

/// <content>A close look where the criterion has many kinks or jumps.</content>
internal sealed partial class LineSearch
{
    // So many examples have at most 8,128 distances, each of which is tried.
    private const int FewForEveryJump = 128;

    // Of so few examples each distance is tried at which a line turns to an example that has just come within reach.
    private const int FewForEveryTurn = 48;
    private const double JustWithin = 1e-4;

    // Steps of log h, around where a walk downhill was held. By trial: so many find what a grid of a thousand bandwidths does
    // (BandwidthSearchTests).
    private const double FinestStep = 1e-3;
    private const int FinestSteps = 60;

    // Half of the digits of a score are lost to the bandwidth where it is flat; no finer one can be told from the next.
    private const double FinestTolerance = 1e-8;

    // A walk downhill ends at the first kink or jump that holds it.
    private void LookAround(double log, double low, double high)
    {
        int fits = Data.Count * Criterion.Fits;
        IEnumerable<double> around = Enumerable.Range(-FinestSteps, (2 * FinestSteps) + 1).Select(i => log + (i * FinestStep));
        IEnumerable<double> turns = Criterion.IsRough && fits <= FewForEveryTurn ? Distances().Select(at => at + JustWithin) : [];
        double[] logs = Criterion.HasJumps && fits <= FewForEveryJump
            ? BetweenJumps(low, high)
            : [.. around.Concat(turns).Select(at => Math.Clamp(at, low, high))];
        if (logs.Length > 0)
        {
            double[] scores = EstimateAll(logs);
            Minimise(at => Score([Math.Exp(at)]), logs[Array.IndexOf(scores, scores.Min())], FinestStep, FinestTolerance, low, high);
        }
    }

    // A sum of a kernel that jumps changes where a distance between two examples comes within reach, and nowhere else.
    private double[] BetweenJumps(double low, double high)
    {
        double[] jumps = [low, .. Distances().Where(jump => jump > low && jump < high), high];
        return [.. jumps.Zip(jumps[1..], (a, b) => (a + b) / 2)];
    }

    // The logarithms of the bandwidths at which one example reaches another.
    private SortedSet<double> Distances()
    {
        var distances = new SortedSet<double>();
        for (int i = 0; i < Data.Count; i++)
        {
            for (int k = i + 1; k < Data.Count; k++)
            {
                distances.Add(Math.Log(Math.Abs(Data.Around(0, Data.Keys[k] - Data.Keys[i])) / Criterion.Support));
            }
        }

        return distances;
    }
}
