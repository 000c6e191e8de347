// A model in a web service of one's own: loaded once, injected where it is asked, mean and 95% band as JSON.
// dotnet run samples/serve.cs prints "{"x":20,"mean":-111.8,"; then serve a file of yours: samples/serve.cs FILE.safetensors PORT.
// Outside the repository, a package takes the place of the project: #:package TorchAttention.Numerics@0.1.0, and so on.

#:sdk Microsoft.NET.Sdk.Web
#:project ../src/TorchAttention.Numerics/TorchAttention.Numerics.csproj
#:property PublishAot=false
#:property EnableDefaultRunWorkingDirectory=false

using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Tables;

string path = args.Length > 0 ? args[0] : Fit();
WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
builder.Logging.ClearProviders();
builder.WebHost.UseUrls($"http://127.0.0.1:{(args.Length > 1 ? args[1] : "0")}");
builder.Services.AddKernelRegression(path);
await using WebApplication app = builder.Build();
app.MapGet("/predict", (double x, KernelRegression curve) =>
{
    Predictions at = curve.Predict([x]);
    return Results.Text(FormattableString.Invariant(
        $"{{\"x\":{x},\"mean\":{at.Mean[0]:F1},\"lower\":{at.Lower[0]:F1},\"upper\":{at.Upper[0]:F1}}}"), "application/json");
});
await app.StartAsync();
if (args.Length > 1)
{
    Console.WriteLine($"{app.Urls.First()}/predict?x=20");
    await app.WaitForShutdownAsync();
}
else
{
    using var client = new HttpClient();
    Console.WriteLine(await client.GetStringAsync($"{app.Urls.First()}/predict?x=20"));
}

// A file to begin with, of a table that comes with the library: the head of a dummy in a simulated crash.
static string Fit()
{
    Table table = BuiltInTable.Find("mcycle")!.Read(_ => ["times", "accel"]);
    KernelRegression.Fit(table[0], table[1], new KernelRegressionOptions { Degree = 2 }).Save("served.safetensors");
    return "served.safetensors";
}

internal static class KernelRegressionServices
{
    // The model is prepared at its first query and may be asked from any thread.
    public static IServiceCollection AddKernelRegression(this IServiceCollection services, string path) =>
        services.AddSingleton(_ => KernelRegression.Load(path).Model);
}
