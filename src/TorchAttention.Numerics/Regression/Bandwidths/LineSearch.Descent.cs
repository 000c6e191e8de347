namespace TorchAttention.Numerics.Regression.Bandwidths;

/// <content>The way down into a valley.</content>
internal sealed partial class LineSearch
{
    // Of log h: where a way down ends by its slope, which tells a bottom better than scores do; and from where on a slope that does not
    // grow less is rounding.
    private const double Bottom = 1e-7;
    private const double NearBottom = 1e-4;

    // Of many kinks the last ones are worth less than a walk from one to the next.
    private const double RoughGain = 1e-10;

    // Of log h: wide enough for a difference of estimates to be more than their errors.
    private const double BendStep = 0.05;

    // Steps that lead nowhere by then give way to Brent's method.
    private const int MostSteps = 30;

    // (3 - sqrt(5)) / 2.
    private const double Golden = 0.38196601125010515;

    private Trial TrialAt(double log)
    {
        double[] h = [Math.Exp(log)];
        if (!HasSlope)
        {
            return new Trial(log, Score(h), double.NaN);
        }

        double[] slope = [double.NaN];
        return new Trial(log, Keep(h, Criterion.WithGradient(Data, h, slope, isSingle: false), isEstimate: false), slope[0]);
    }

    // Newton's steps to where the slope is 0, with the bend of the estimates at first and of the last two slopes then; null where they lead
    // nowhere.
    private (double Log, double Score)? Downhill(Trial first, double step, double low, double high)
    {
        double bend = IsEstimated ? Bend(first.Log) : double.NaN;
        (double left, double right) = (low, double.PositiveInfinity);
        Trial best = first;
        Trial last = first;
        bool isRounding = false;
        for (int i = 0; i < MostSteps && double.IsFinite(last.Score) && double.IsFinite(last.Slope); i++)
        {
            (left, right) = last.Slope > 0 ? (left, Math.Min(right, last.Log)) : (Math.Max(left, last.Log), right);
            double move = bend > 0 ? Math.Clamp(-last.Slope / bend, -step, step) : -Math.Sign(last.Slope) * step / 4;
            double next = Math.Clamp(last.Log + move, low, high);
            bool isWorthIt = !IsRough || !(Math.Abs(last.Slope * (next - last.Log)) <= RoughGain * Criterion.ScaleOf(last.Score));
            if (Math.Abs(next - last.Log) <= (IsRough || next == low ? Tolerance : Bottom) || isRounding || !isWorthIt)
            {
                if (!IsRough)
                {
                    KeepBottom(Math.Exp(last.Log), last.Score);
                }

                return (best.Log, best.Score);
            }

            // The widest bandwidth allowed has a score; the narrowest may have none.
            bool isNewtons = next > left && next < right;
            Trial here = TrialAt(isNewtons ? next : (left + Math.Min(right, high)) / 2);
            double part = Math.Abs(here.Slope / last.Slope);
            isRounding = !IsRough && isNewtons && i > 0 && Math.Abs(here.Log - last.Log) <= NearBottom && part > 0.5;
            bend = (here.Slope - last.Slope) / (here.Log - last.Log);
            last = isRounding && part > 1 ? last : here;
            best = here.Score < best.Score ? here : best;
        }

        return null;
    }

    private double Bend(double log)
    {
        Func<double, double> estimate = EstimateAround(log - BendStep);
        return (estimate(log - BendStep) - (2 * estimate(log)) + estimate(log + BendStep)) / (BendStep * BendStep);
    }

    // Brent's: a parabola through the three best points where it helps, the golden section where not; the bracket is sought first.
    private static (double Log, double Score) Minimise(
        Func<double, double> at, double middle, double step, double tolerance, double low, double high)
    {
        double a = Math.Max(low, middle - step);
        double b = Math.Min(high, middle + step);
        double x = middle;
        double fx = at(x);
        double fa = a < x ? at(a) : double.PositiveInfinity;
        double fb = b > x ? at(b) : double.PositiveInfinity;
        while ((fa < fx && a > low) || (fb < fx && b < high))
        {
            double next = fa < fb ? Math.Max(low, a - (2 * (x - a))) : Math.Min(high, b + (2 * (b - x)));
            (a, fa, x, fx, b, fb) = fa < fb ? (next, at(next), a, fa, x, fx) : (x, fx, b, fb, next, at(next));
        }

        (double v, double fv, double w, double fw) = fa < fb ? (b, fb, a, fa) : (a, fa, b, fb);
        if (fw < fx)
        {
            // The least stands at the end of what is allowed.
            (x, fx, w, fw) = (w, fw, x, fx);
        }

        double before = b - a;
        double last = before;
        for (int i = 0; i < 60 && b - a > 2 * tolerance; i++)
        {
            double centre = (a + b) / 2;
            double edge = Math.Max(tolerance, 1e-9 * Math.Abs(x));
            if (Math.Abs(x - centre) <= (2 * edge) - ((b - a) / 2))
            {
                break;
            }

            double move = Parabola(x, fx, w, fw, v, fv);
            bool isGood = double.IsFinite(move) && Math.Abs(move) < 0.5 * before && x + move > a && x + move < b;
            before = last;
            if (!isGood)
            {
                move = Golden * ((x < centre ? b : a) - x);
                before = Math.Max(b - x, x - a);
            }

            last = Math.Abs(move);
            if (last < edge)
            {
                if (isGood)
                {
                    break;
                }

                move = x < centre ? edge : -edge;
            }

            double u = Math.Clamp(x + move, a, b);
            double fu = at(u);
            if (fu <= fx)
            {
                (a, b) = u < x ? (a, x) : (x, b);
                (v, fv, w, fw, x, fx) = (w, fw, x, fx, u, fu);
            }
            else
            {
                (a, b) = u < x ? (u, b) : (a, u);
                if (fu <= fw || w == x)
                {
                    (v, fv, w, fw) = (w, fw, u, fu);
                }
                else if (fu <= fv || v == x || v == w)
                {
                    (v, fv) = (u, fu);
                }
            }
        }

        return (x, fx);
    }

    private static double Parabola(double x, double fx, double w, double fw, double v, double fv)
    {
        double r = (x - w) * (fx - fv);
        double q = (x - v) * (fx - fw);
        double p = ((x - v) * q) - ((x - w) * r);
        q = 2 * (q - r);
        return q == 0 ? double.NaN : -p / q;
    }

    /// <summary>A score over all data and its derivative by log h; NaN where there is none.</summary>
    private readonly record struct Trial(double Log, double Score, double Slope);
}
