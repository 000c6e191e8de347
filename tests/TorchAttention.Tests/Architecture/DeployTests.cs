using TorchAttention.Tests.Console;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;
using YamlDotNet.Serialization;

namespace TorchAttention.Tests.Architecture;

/// <summary>
/// The files of deploy/ parse, hang together, and name options, keys and ports that the program has. No container is started.
/// </summary>
public sealed class DeployTests : IDisposable
{
    private const string Prefix = "TORCHATTENTION_";

    private static readonly string _folder = Path.Combine(ConsoleProcess.Repository, "deploy");

    private readonly ConsoleProcess _console = new();

    public void Dispose() => _console.Dispose();

    [Fact]
    public void Compose_StartsWithOptionsOfTheProgram()
    {
        object compose = Assert.Single(Documents("compose.yaml"));
        Dictionary<object, object> services = Map(At(compose, "services"));
        string[] members = [.. services.Keys.Cast<string>().Where(name => name != "redis")];
        Assert.Equal(3, members.Length);
        List<string> published = [];
        foreach (string member in members)
        {
            Dictionary<object, object> service = Map(services[member]);
            Dictionary<string, string> environment = Map(service["environment"])
                .ToDictionary(one => (string)one.Key, one => (string)one.Value);
            Assert.Equal(member, service["hostname"]);
            Assert.Equal(member, environment[Prefix + "Cluster__Listen"]);
            Assert.Contains("redis=redis:", environment[Prefix + "Cluster__Address"], StringComparison.Ordinal);
            string port = Assert.Single(List(service["ports"]));
            Assert.EndsWith($":{environment[Prefix + "Serve__Port"]}", port, StringComparison.Ordinal);
            published.Add(port.Split(':')[0]);
            string secret = Assert.Single(List(service["secrets"]));
            Assert.Contains(secret, Map(At(compose, "secrets")).Keys);
            Assert.Equal($"/run/secrets/{secret}", environment[Prefix + "Serve__ApiKeyFile"]);
            Assert.StartsWith("/shards/", environment[Prefix + "Cluster__Shards"], StringComparison.Ordinal);
            Assert.EndsWith(":/shards:ro", Assert.Single(List(service["volumes"])), StringComparison.Ordinal);
            Assert.True(File.Exists(
                Path.Combine(_folder, (string)At(service, "build", "context"), (string)At(service, "build", "dockerfile"))));
            IsUnderstood(List(service["command"]), environment);
        }

        Assert.Equal(3, published.Distinct().Count());
    }

    [Fact]
    public void Kubernetes_StartsWithOptionsOfTheProgram()
    {
        object[] all = [.. Directory.EnumerateFiles(Path.Combine(_folder, "kubernetes"), "*.yaml").SelectMany(Documents)];
        Assert.Equal(10, all.Length);
        object Find(string kind, string name) =>
            Assert.Single(all, one => (string)At(one, "kind") == kind && (string)At(one, "metadata", "name") == name);

        string json = (string)At(Find("ConfigMap", "torchattention"), "data", "appsettings.json");
        object set = Find("StatefulSet", "torchattention");
        object pod = At(set, "spec", "template", "spec");
        object container = Assert.Single((List<object>)At(pod, "containers"));
        List<string> arguments = [.. List(At(container, "args"))];
        Dictionary<string, string> environment = ((List<object>)At(container, "env")).ToDictionary(
            one => (string)At(one, "name"), one => "10.0.0.5");
        int file = arguments.IndexOf("--config") + 1;
        Assert.Equal("appsettings.json", Path.GetFileName(arguments[file]));
        Dictionary<string, string> mounts = ((List<object>)At(container, "volumeMounts")).ToDictionary(
            one => (string)At(one, "mountPath"), one => (string)At(one, "name"));
        Dictionary<string, object> volumes = ((List<object>)At(pod, "volumes")).ToDictionary(one => (string)At(one, "name"));
        Assert.Equal(volumes.Keys.Order(), mounts.Values.Order());
        Assert.Equal("torchattention", At(volumes[mounts[Path.GetDirectoryName(arguments[file])!]], "configMap", "name"));

        // Each file that the settings name is in a folder that is mounted, and there under that name.
        using var settings = System.Text.Json.JsonDocument.Parse(json);
        System.Text.Json.JsonElement cluster = settings.RootElement.GetProperty("Cluster");
        System.Text.Json.JsonElement certificate = cluster.GetProperty("Certificate");
        System.Text.Json.JsonElement serve = settings.RootElement.GetProperty("Serve");
        foreach (string path in new[]
        {
            certificate.GetProperty("Path").GetString()!, certificate.GetProperty("KeyPath").GetString()!,
            certificate.GetProperty("AuthorityPath").GetString()!, serve.GetProperty("ApiKeyFile").GetString()!,
        })
        {
            object secret = Find("Secret", (string)At(volumes[mounts[Path.GetDirectoryName(path)!]], "secret", "secretName"));
            Assert.Contains(Path.GetFileName(path), Map(At(secret, "stringData")).Keys);
        }

        string shards = mounts[Path.GetDirectoryName(cluster.GetProperty("Shards").GetString()!)!];
        Find("PersistentVolumeClaim", (string)At(volumes[shards], "persistentVolumeClaim", "claimName"));
        Find("Service", cluster.GetProperty("Address").GetString()!.Split('=', ':')[1]);
        Find("Service", (string)At(set, "spec", "serviceName"));

        // Ports have one number in the settings, the container and the services; probes ask a port and path that are there.
        Dictionary<string, string> ports = ((List<object>)At(container, "ports")).ToDictionary(
            one => (string)At(one, "name"), one => (string)At(one, "containerPort"));
        Assert.Equal(serve.GetProperty("Port").GetRawText(), ports["http"]);
        Assert.Equal(cluster.GetProperty("Port").GetRawText(), ports["silo"]);
        Assert.Equal(cluster.GetProperty("GatewayPort").GetRawText(), ports["gateway"]);
        string image = File.ReadAllText(Path.Combine(_folder, "Containerfile"));
        Assert.Contains($"EXPOSE {string.Join(' ', ports.Values)}\n", image, StringComparison.Ordinal);
        foreach (string service in new[] { "torchattention", "torchattention-members" })
        {
            Assert.All((List<object>)At(Find("Service", service), "spec", "ports"), one =>
                Assert.Equal(ports[(string)At(one, "targetPort")], At(one, "port")));
            Assert.Equal(At(Find("Service", service), "spec", "selector", "app"), At(set, "spec", "template", "metadata", "labels", "app"));
        }

        foreach (string probe in new[] { "startupProbe", "readinessProbe", "livenessProbe" })
        {
            Assert.Equal(("/healthz", "http"), (At(container, probe, "httpGet", "path"), At(container, probe, "httpGet", "port")));
        }

        _console.Write("appsettings.json", json);
        arguments[file] = "appsettings.json";
        IsUnderstood(arguments, environment);
    }

    [Fact]
    public void Containerfile_BuildsAndStartsWhatIsThere()
    {
        string[] lines = File.ReadAllLines(Path.Combine(_folder, "Containerfile"));
        string project = Assert.Single(lines, line => line.StartsWith("RUN dotnet publish ", StringComparison.Ordinal)).Split(' ')[3];
        string name = Path.GetFileName(project);
        Assert.True(File.Exists(Path.Combine(ConsoleProcess.Repository, project, $"{name}.csproj")));
        Assert.Contains($"ENTRYPOINT [\"/app/{name}\"]", lines);
        Assert.Equal(name, Path.GetFileNameWithoutExtension(ConsoleProcess.Executable + ".dll"));
    }

    // All is understood up to the files, which are not here.
    private void IsUnderstood(IEnumerable<string> arguments, Dictionary<string, string> environment)
    {
        ConsoleProcess.Result result = _console.Start(
            ConsoleProcess.Executable, arguments, [.. environment.Select(one => (one.Key, one.Value))]).Wait();
        Assert.Equal(2, result.ExitCode);
        Assert.Contains("keys", result.Error, StringComparison.Ordinal);
        Assert.StartsWith("error: --api-key-file: '/", result.Error, StringComparison.Ordinal);
        Assert.Contains("cannot be read (No such file or directory)", result.Error, StringComparison.Ordinal);
    }

    private static IEnumerable<object> Documents(string file)
    {
        using var reader = new StreamReader(Path.Combine(_folder, file));
        var parser = new MergingParser(new Parser(reader));
        IDeserializer deserializer = new DeserializerBuilder().Build();
        List<object> documents = [];
        parser.Consume<StreamStart>();
        while (parser.Accept<DocumentStart>(out _))
        {
            documents.Add(deserializer.Deserialize<object>(parser)!);
        }

        return documents;
    }

    private static object At(object node, params string[] path) => path.Aggregate(node, (one, name) => Map(one)[name]);

    private static Dictionary<object, object> Map(object node) => Assert.IsType<Dictionary<object, object>>(node);

    private static IEnumerable<string> List(object node) => Assert.IsType<List<object>>(node).Cast<string>();
}
