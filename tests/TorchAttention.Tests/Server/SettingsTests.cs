using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.RegularExpressions;
using TorchAttention.Tests.Console;

namespace TorchAttention.Tests.Server;

/// <summary>Options of <c>serve</c> in a file and in the environment.</summary>
public sealed partial class SettingsTests : IDisposable
{
    private readonly ConsoleProcess _console = new();

    public SettingsTests()
    {
        Assert.Equal(0, _console.Run("fit", "mcycle", "--no-plots", "--quiet", "--bandwidth", "2", "--out", "run").ExitCode);
        File.Copy(_console.PathOf("run/model.safetensors"), _console.PathOf("a.safetensors"));
        File.Copy(_console.PathOf("run/model.safetensors"), _console.PathOf("b.safetensors"));
    }

    public void Dispose() => _console.Dispose();

    // The command line goes before the environment, and that before the file.
    [Fact]
    public async Task CommandLine_ThenEnvironment_ThenFile()
    {
        _console.Write("appsettings.json", """
            {"serve": {"Model": "a.safetensors", "MaxRows": 1}, "Logging": {"LogLevel": {"Default": "Error"}}}
            """);
        Assert.Equal(("a", 1), await Ask([]));
        Assert.Equal(("b", 1), await Ask([], ("TORCHATTENTION_Serve__Model", "b.safetensors")));
        Assert.Equal(("b", 2), await Ask([], ("TORCHATTENTION_Serve__Model", "b.safetensors"), ("TORCHATTENTION_SERVE__MAXROWS", "2")));
        Assert.Equal(("a", 3), await Ask(
            ["--model", "a.safetensors", "--max-rows", "3"],
            ("TORCHATTENTION_Serve__Model", "b.safetensors"), ("TORCHATTENTION_Serve__MaxRows", "2")));
        _console.Write("other.json", """
            {
              // As ASP.NET's: with comments, and a comma too many.
              "Serve": { "Model": ["a.safetensors", "b.safetensors"], "MaxRows": "2", },
            }
            """);
        Assert.Equal(("a,b", 2), await Ask(["--config", "other.json"]));

        // What a client of a cluster needs on the same machine is no cluster to serve.
        Assert.Equal(("a", 1), await Ask([], ("TORCHATTENTION_Cluster__Certificate__Path", "client.pem")));
        Assert.Equal(("b", 1), await Ask(["--model", "b.safetensors"], ("TORCHATTENTION_Cluster__Address", "redis=127.0.0.1:1")));
    }

    [Fact]
    public async Task Kestrel_IsReadFromTheNamedFile()
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest(
            "CN=localhost", key, HashAlgorithmName.SHA256,
            RSASignaturePadding.Pkcs1);
        using X509Certificate2 certificate = request.CreateSelfSigned(
            DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        _console.Write("c.pem", certificate.ExportCertificatePem());
        _console.Write("c.key", key.ExportPkcs8PrivateKeyPem());
        _console.Write("tls.json", """
            {"Serve": {"Model": "a.safetensors"},
             "Kestrel": {"Certificates": {"Default": {"Path": "c.pem", "KeyPath": "c.key"}}}}
            """);
        using var server = new ServerProcess(_console.Folder, ["--config", "tls.json"]);
        Assert.Equal("https", server.Url.Scheme);
        Assert.Equal(200, (await server.Get("/healthz")).Status);
        using var other = new ServerProcess(
            _console.Folder, ["--model", "a.safetensors"],
            ("TORCHATTENTION_Kestrel__Certificates__Default__Path", "c.pem"),
            ("TORCHATTENTION_Kestrel__Certificates__Default__KeyPath", "c.key"));
        Assert.Equal("https", other.Url.Scheme);
    }

    [Theory]
    [InlineData("""{"Serve": {"MaxRow": 1}}""", "s.json: Serve:MaxRow: no key 'Serve:MaxRow' (did you mean 'Serve:MaxRows'?); Serve has ")]
    [InlineData(
        """{"Clutser": {"Address": "local"}}""",
        "s.json: Clutser:Address: no key 'Clutser:Address' (did you mean 'Cluster:Address'?); keys begin with ")]
    [InlineData("""{"Serve": {"Port": "x"}}""", "s.json: Serve:Port: --port: expected a whole number of at least 0, got 'x'\n")]
    [InlineData("""{"Serve": {"Port": ""}}""", "s.json: Serve:Port: expected a value, got ''\n")]
    [InlineData(
        """{"Cluster": {"GatewayPort": -1}}""",
        "s.json: Cluster:GatewayPort: --gateway-port: expected a whole number of at least 1, got '-1'\n")]
    [InlineData("[1]", "s.json: expected an object of settings, got array\n")]
    [InlineData("{\"Serve\": {\n\"Port\" 1}}", "s.json: expected JSON, line 2 is none\n")]
    public void WrongFile_IsOneLine(string json, string expected)
    {
        _console.Write("s.json", json);
        ConsoleProcess.Result result = _console.Run("serve", "--config", "s.json");
        Assert.Equal((2, ""), (result.ExitCode, result.Output));
        Assert.StartsWith($"error: {expected}", result.Error, StringComparison.Ordinal);
        Assert.Equal(1, result.Error.Count(character => character == '\n'));
    }

    [Theory]
    [InlineData(
        "TORCHATTENTION_Serve__Prot", "1",
        "TORCHATTENTION_Serve__Prot: no key 'Serve:Prot' (did you mean 'Serve:Port'?); Serve has ")]
    [InlineData(
        "TORCHATTENTION_Cluster_Address", "local",
        "TORCHATTENTION_Cluster_Address: no key 'Cluster_Address' (did you mean 'Cluster:Address'?)")]
    [InlineData(
        "TORCHATTENTION_Serve__MaxRows", "x",
        "TORCHATTENTION_Serve__MaxRows: --max-rows: expected a whole number of at least 1, got 'x'\n")]
    [InlineData(
        "TORCHATTENTION_Serve__Listen", "here", "--listen: expected an address such as 0.0.0.0 or ::1, got 'here' "
            + "(--listen is from TORCHATTENTION_Serve__Listen)\n")]
    [InlineData("TORCHATTENTION_Serve__Port", "", "TORCHATTENTION_Serve__Port: expected a value, got ''\n")]
    public void WrongVariable_IsOneLine(string name, string value, string expected)
    {
        ConsoleProcess.Result result = _console.Start(
            ConsoleProcess.Executable, ["serve", "--model", "a.safetensors"], (name, value)).Wait();
        Assert.Equal((2, ""), (result.ExitCode, result.Output));
        Assert.StartsWith($"error: {expected}", result.Error, StringComparison.Ordinal);
        Assert.Equal(1, result.Error.Count(character => character == '\n'));
    }

    [Fact]
    public void NoSuchFile_IsOneLine()
    {
        ConsoleProcess.Result result = _console.Run("serve", "--config", "none.json");
        Assert.Equal(
            (2, "error: --config: 'none.json' cannot be read (No such file or directory)\n"), (result.ExitCode, result.Error));
    }

    // The page has each key that the program knows, and no other.
    [Fact]
    public void Table_HasEveryKey()
    {
        string page = File.ReadAllText(Path.Combine(ConsoleProcess.Repository, "docs", "serving.md"));
        string help = _console.Run("serve", "--help").Output;
        string[] options = [.. Option().Matches(help).Select(match => match.Groups[1].Value)
            .Where(option => option is not ("--help" or "--config")).Distinct()];
        Assert.True(options.Length > 25, string.Join(' ', options));
        Assert.All(options, option => Assert.Contains($"`{option}`", page, StringComparison.Ordinal));
        foreach (string key in Key().Matches(page).Select(match => match.Groups[1].Value))
        {
            ConsoleProcess.Result result = _console.Start(
                ConsoleProcess.Executable, ["serve", "--model", "none.safetensors"],
                ($"TORCHATTENTION_{key.Replace(":", "__", StringComparison.Ordinal)}", "?")).Wait();
            Assert.DoesNotContain("no key", result.Error, StringComparison.Ordinal);
        }
    }

    private async Task<(string Names, int MostRows)> Ask(string[] arguments, params (string Name, string Value)[] environment)
    {
        using var server = new ServerProcess(_console.Folder, arguments, environment);
        (_, string models) = await server.Get("/v1/models");
        string[] names = [.. JsonDocument.Parse(models).RootElement.GetProperty("models").EnumerateArray()
            .Select(one => one.GetProperty("name").GetString()!)];
        int most = 0;
        while ((await server.Post($"/v1/models/{names[0]}/predict", Rows(most + 1), "text/csv")).Status == 200)
        {
            most++;
        }

        return (string.Join(',', names), most);
    }

    private static string Rows(int count) => "times\n" + string.Concat(Enumerable.Repeat("20\n", count));

    [GeneratedRegex(@"^\s+(?:-\w, )?(--[a-z-]+)", RegexOptions.Multiline)]
    private static partial Regex Option();

    [GeneratedRegex("`((?:Serve|Cluster|Telemetry)(?::[A-Za-z]+)+)`")]
    private static partial Regex Key();
}
