namespace TorchAttention.Numerics.Vectors;

/// <summary>
/// 2^f on [0, 1], 1 + f (c1 + f (c2 + ...)): minimax in the relative error with the value at 0 held at exactly 1, so that a
/// key at the query itself weighs exactly 1. Found with the exchange algorithm of Remez in 60 digits.
/// </summary>
internal static class Exp2Polynomial
{
    // Relative error 8.3e-8, about one unit in float's last place.
    private const float F1 = 0.69315131180752295536f;
    private const float F2 = 0.24016445013606755314f;
    private const float F3 = 0.055799913145968066977f;
    private const float F4 = 0.0090170302844367490406f;
    private const float F5 = 0.0018671300819070081778f;

    // Relative error 3.3e-18.
    private const double D1 = 0.69314718055994592839;
    private const double D2 = 0.24022650695906330315;
    private const double D3 = 0.055504108665602238723;
    private const double D4 = 0.0096181290995508956128;
    private const double D5 = 0.0013333558629562675936;
    private const double D6 = 0.00015403512309733948746;
    private const double D7 = 0.00001525317505379524616;
    private const double D8 = 1.3208367308220049348e-6;
    private const double D9 = 1.025321230405209001e-7;
    private const double D10 = 6.5595298355172712178e-9;
    private const double D11 = 6.2634652734225902742e-10;

    /// <summary>2^f in each lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes At<TLanes, T>(TLanes f)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged
    {
        TLanes p = TLanes.All(typeof(T) == typeof(float) ? F5 : D5);
        if (typeof(T) == typeof(double))
        {
            p = TLanes.MultiplyAdd(TLanes.All(D11), f, TLanes.All(D10));
            p = TLanes.MultiplyAdd(p, f, TLanes.All(D9));
            p = TLanes.MultiplyAdd(p, f, TLanes.All(D8));
            p = TLanes.MultiplyAdd(p, f, TLanes.All(D7));
            p = TLanes.MultiplyAdd(p, f, TLanes.All(D6));
            p = TLanes.MultiplyAdd(p, f, TLanes.All(D5));
        }

        p = TLanes.MultiplyAdd(p, f, TLanes.All(typeof(T) == typeof(float) ? F4 : D4));
        p = TLanes.MultiplyAdd(p, f, TLanes.All(typeof(T) == typeof(float) ? F3 : D3));
        p = TLanes.MultiplyAdd(p, f, TLanes.All(typeof(T) == typeof(float) ? F2 : D2));
        p = TLanes.MultiplyAdd(p, f, TLanes.All(typeof(T) == typeof(float) ? F1 : D1));
        return TLanes.MultiplyAdd(p, f, TLanes.All(1));
    }
}
