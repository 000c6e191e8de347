namespace TorchAttention.Numerics.Regression.Smoothing;

/// <summary>What a fit says at some places; empty where it is not asked.</summary>
/// <param name="Columns">The number of columns of values v.</param>
/// <param name="Values">The fitted values (m, v).</param>
/// <param name="OwnWeight">The weight of one more example there (m).</param>
/// <param name="EffectiveNeighbours">The effective number of neighbours (m).</param>
/// <param name="ByW">The derivatives of the values by 1/h (m, v).</param>
/// <param name="OwnByW">The derivatives of the own weights by 1/h (m).</param>
internal sealed record FitAnswers(
    int Columns, double[] Values, double[] OwnWeight, double[] EffectiveNeighbours, double[] ByW, double[] OwnByW)
{
    /// <summary>Each with how many numbers a place has.</summary>
    public (double[] Numbers, int InRow)[] All =>
        [(Values, Columns), (OwnWeight, 1), (EffectiveNeighbours, 1), (ByW, Columns), (OwnByW, 1)];

    /// <summary>The same asked of other places.</summary>
    /// <param name="places">How many.</param>
    public FitAnswers For(int places)
    {
        return new FitAnswers(
            Columns, Numbers(Values, Columns), Numbers(OwnWeight, 1), Numbers(EffectiveNeighbours, 1), Numbers(ByW, Columns),
            Numbers(OwnByW, 1));

        double[] Numbers(double[] asked, int inRow) => asked.Length == 0 ? [] : new double[places * inRow];
    }

    /// <summary>Takes what others say of neighbouring places.</summary>
    /// <param name="first">The first place here.</param>
    /// <param name="count">How many.</param>
    /// <param name="others">The others.</param>
    /// <param name="place">The first place there.</param>
    public void Take(int first, int count, FitAnswers others, int place)
    {
        foreach (((double[] some, int inRow), (double[] all, _)) in others.All.Zip(All))
        {
            if (all.Length > 0)
            {
                some.AsSpan(place * inRow, count * inRow).CopyTo(all.AsSpan(first * inRow));
            }
        }
    }
}
