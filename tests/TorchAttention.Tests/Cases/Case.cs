using TorchAttention.Numerics.Tables;

namespace TorchAttention.Tests.Cases;

/// <summary>The inputs of this folder.</summary>
internal static class Case
{
    /// <summary>The full path of a case's file, such as <c>small_clusters.csv</c>.</summary>
    public static string Path(string name) => System.IO.Path.Combine(AppContext.BaseDirectory, "Cases", name);

    /// <summary>A column of a case's file, in the order of its rows.</summary>
    public static double[] Column(string name, string column) => CsvTable.Read(Path(name), [column])[column].ToArray();
}
