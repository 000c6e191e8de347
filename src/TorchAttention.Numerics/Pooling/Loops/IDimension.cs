namespace TorchAttention.Numerics.Pooling.Loops;

/// <summary>A number of features that a loop is compiled for.</summary>
internal interface IDimension
{
    static abstract int Count { get; }
}

internal readonly struct OneFeature : IDimension
{
    public static int Count => 1;
}

internal readonly struct TwoFeatures : IDimension
{
    public static int Count => 2;
}

internal readonly struct ThreeFeatures : IDimension
{
    public static int Count => 3;
}
