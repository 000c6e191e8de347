namespace TorchAttention.Numerics.Vectors;

/// <summary>
/// Polynomials for 2^f on [0, 1], 1 + f (c1 + f (c2 + ...)): minimax in the relative error with the value at 0 held at exactly 1, so that a
/// key at the query itself weighs exactly 1. Found with the exchange algorithm of Remez in 60 digits.
/// </summary>
internal static class Exp2Coefficients
{
    // Relative error 8.3e-8, about one unit in float's last place.
    public const float F1 = 0.69315131180752295536f;
    public const float F2 = 0.24016445013606755314f;
    public const float F3 = 0.055799913145968066977f;
    public const float F4 = 0.0090170302844367490406f;
    public const float F5 = 0.0018671300819070081778f;

    // Relative error 3.3e-18.
    public const double D1 = 0.69314718055994592839;
    public const double D2 = 0.24022650695906330315;
    public const double D3 = 0.055504108665602238723;
    public const double D4 = 0.0096181290995508956128;
    public const double D5 = 0.0013333558629562675936;
    public const double D6 = 0.00015403512309733948746;
    public const double D7 = 0.00001525317505379524616;
    public const double D8 = 1.3208367308220049348e-6;
    public const double D9 = 1.025321230405209001e-7;
    public const double D10 = 6.5595298355172712178e-9;
    public const double D11 = 6.2634652734225902742e-10;
}
