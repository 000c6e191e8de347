using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Dashboard;

namespace TorchAttention.Cluster;

/// <summary>Orleans' dashboard, a page of this machine: it has no keys, and shows all silos.</summary>
internal sealed class DashboardPage : IAsyncDisposable
{
    private readonly WebApplication _app;

    private DashboardPage(WebApplication app) => _app = app;

    /// <summary>Where it is.</summary>
    public string Url => _app.Urls.First();

    /// <summary>Begins to listen.</summary>
    /// <param name="silo">The silo.</param>
    /// <param name="port">The port; 0 for a free one.</param>
    public static async Task<DashboardPage> StartAsync(IHost silo, int port)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));
        builder.Services.AddRouting();
        builder.Services.AddSingleton(silo.Services.GetRequiredService<IGrainFactory>());

        // A page of the web whose name leads here is none of this machine.
        builder.Services.AddHostFiltering(options => options.AllowedHosts = ["localhost", "127.0.0.1"]);
        new Client(builder.Services, builder.Configuration).AddDashboard(options => options.HideTrace = true);
        WebApplication app = builder.Build();
        app.UseHostFiltering();
        app.UseRouting();
        app.MapOrleansDashboard();
        await app.StartAsync();
        return new DashboardPage(app);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private sealed record Client(IServiceCollection Services, IConfiguration Configuration) : IClientBuilder;
}
