using System.Net;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Runtime;
using Orleans.StandIn;

namespace Microsoft.Extensions.Hosting
{
    /// <summary>Puts a silo into a host.</summary>
    public static class OrleansSiloGenericHostExtensions
    {
        public static IHostApplicationBuilder UseOrleans(this IHostApplicationBuilder hostAppBuilder)
            => hostAppBuilder.UseOrleans(static _ => { });

        public static IHostApplicationBuilder UseOrleans(this IHostApplicationBuilder hostAppBuilder, Action<ISiloBuilder> configureDelegate)
        {
            ArgumentNullException.ThrowIfNull(hostAppBuilder);
            ArgumentNullException.ThrowIfNull(configureDelegate);
            configureDelegate(SiloBuilder.Of(hostAppBuilder.Services, hostAppBuilder.Configuration));
            return hostAppBuilder;
        }

        public static HostApplicationBuilder UseOrleans(this HostApplicationBuilder hostAppBuilder)
            => hostAppBuilder.UseOrleans(static _ => { });

        public static HostApplicationBuilder UseOrleans(this HostApplicationBuilder hostAppBuilder, Action<ISiloBuilder> configureDelegate)
        {
            ArgumentNullException.ThrowIfNull(hostAppBuilder);
            ArgumentNullException.ThrowIfNull(configureDelegate);
            configureDelegate(SiloBuilder.Of(hostAppBuilder.Services, hostAppBuilder.Configuration));
            return hostAppBuilder;
        }

        public static IHostBuilder UseOrleans(this IHostBuilder hostBuilder, Action<ISiloBuilder> configureDelegate)
            => hostBuilder.UseOrleans((_, silo) => configureDelegate(silo));

        public static IHostBuilder UseOrleans(this IHostBuilder hostBuilder, Action<HostBuilderContext, ISiloBuilder> configureDelegate)
        {
            ArgumentNullException.ThrowIfNull(hostBuilder);
            ArgumentNullException.ThrowIfNull(configureDelegate);
            return hostBuilder.ConfigureServices((context, services)
                => configureDelegate(context, SiloBuilder.Of(services, context.Configuration)));
        }
    }
}

namespace Orleans.StandIn
{
    /// <summary>The builder of the one silo of a host.</summary>
    internal sealed class SiloBuilder(IServiceCollection services, IConfiguration configuration) : ISiloBuilder
    {
        public IServiceCollection Services { get; } = services;

        public IConfiguration Configuration { get; } = configuration;

        public static SiloBuilder Of(IServiceCollection services, IConfiguration configuration)
        {
            services.AddOptions();
            services.AddLogging();
            services.TryAddSingleton(TimeProvider.System);
            services.TryAddSingleton<ILocalSiloDetails, LocalSiloDetails>();
            services.TryAddSingleton<Silo>();
            services.TryAddSingleton<IClusterClient>(provider => provider.GetRequiredService<Silo>().Factory);
            services.TryAddSingleton<IGrainFactory>(provider => provider.GetRequiredService<Silo>().Factory);
            services.TryAddEnumerable(ServiceDescriptor.Singleton<Microsoft.Extensions.Hosting.IHostedService, SiloService>());
            return new(services, configuration);
        }
    }

    /// <summary>Starts and stops the silo with its host.</summary>
    internal sealed class SiloService(Silo silo) : Microsoft.Extensions.Hosting.IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken)
        {
            silo.Start();
            return Task.CompletedTask;
        }

        public Task StopAsync(CancellationToken cancellationToken) => silo.StopAsync(cancellationToken);
    }

    /// <summary>The names of the one silo.</summary>
    internal sealed class LocalSiloDetails : ILocalSiloDetails
    {
        public LocalSiloDetails(IOptions<SiloOptions> silo, IOptions<ClusterOptions> cluster, IOptions<EndpointOptions> endpoint)
        {
            var address = endpoint.Value.AdvertisedIPAddress;
            var generation = (int)(DateTimeOffset.UtcNow.ToUnixTimeSeconds() & int.MaxValue);
            ClusterId = cluster.Value.ClusterId;
            SiloAddress = SiloAddress.New(address, endpoint.Value.SiloPort, generation);
            GatewayAddress = SiloAddress.New(address, endpoint.Value.GatewayPort, generation);
            Name = string.IsNullOrEmpty(silo.Value.SiloName) ? $"Silo_{generation:x8}" : silo.Value.SiloName;
        }

        public string Name { get; }

        public string ClusterId { get; }

        public string DnsHostName { get; } = Dns.GetHostName();

        public SiloAddress SiloAddress { get; }

        public SiloAddress GatewayAddress { get; }
    }
}
