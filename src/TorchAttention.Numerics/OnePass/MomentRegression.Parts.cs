using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Numerics.OnePass;

/// <content>What rows of a class or a fold say of their own.</content>
public sealed partial class MomentRegression
{
    private MomentFolds FoldsOf(Moments moments, Bandwidth bandwidth)
    {
        MomentFolds.Check(moments.Grid.Folds, bandwidth);
        var folds = new MomentFolds(moments, _near, Degree);
        return folds.ArePredicted ? folds : throw MomentFolds.AllInOne();
    }

    private (double Score, double Slope) ByFolds((double Squares, double ByLog) sum)
    {
        double value = sum.Squares / _near.Weight;
        return double.IsFinite(value) ? (Math.Max(value, LeastSquare()), sum.ByLog / _near.Weight)
            : (double.PositiveInfinity, double.NaN);
    }

    private double LogLoss(Moments moments)
    {
        var loss = new MomentLogLoss(Levels, Bandwidth);
        double sum = 0;
        foreach ((int column, string name) in Classes.Index())
        {
            sum += loss.Of(_all.Create(moments, part => part.Class == name).For(Bandwidth)[column], column);
        }

        return sum / _all.Weight;
    }
}
