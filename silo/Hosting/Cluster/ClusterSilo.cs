using System.Net;
using Granary.Core.Alarms;
using Granary.Core.Figures;
using Granary.Core.Health;
using Granary.Core.Links;
using Granary.Core.Members;
using Granary.Silo.Hosting.Cluster.Certificates;
using Granary.Silo.Hosting.Cluster.Sockets;
using Granary.Silo.Ownership;
using Granary.Silo.Placement;
using Granary.Silo.Snapshots;
using Granary.Silo.Storage.Postgres;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Npgsql;
using Orleans.Configuration;
using Orleans.Versions.Compatibility;

namespace Granary.Silo.Hosting.Cluster;

/// <summary>
/// A silo among others. A gateway is one, too, that has no queues and exchanges: it learns of a lost silo as fast as the others do, where an Orleans client
/// would wait for its calls to time out. Figures and reasons are in docs/decisions/0016.
/// </summary>
public static class ClusterSilo
{
    /// <summary>Calls that nobody answered in this time fail, and are made again elsewhere.</summary>
    private static readonly TimeSpan CallLimit = TimeSpan.FromSeconds(10);

    /// <summary>How often a member says in the list of members that it is alive.</summary>
    private static readonly TimeSpan AliveEvery = TimeSpan.FromSeconds(1);

    private const int MostMissed = 3;

    /// <summary>A member that has not said for this long that it is alive was lost, or cannot write to the list.</summary>
    internal static TimeSpan Silence => AliveEvery * MostMissed;

    public static ISiloBuilder UseCluster(this ISiloBuilder silo, SiloMember member)
    {
        ArgumentNullException.ThrowIfNull(silo);
        ArgumentNullException.ThrowIfNull(member);
        silo.UseAdoNetClustering(database =>
        {
            database.Invariant = "Npgsql";
            database.ConnectionString = ForMembership(member.Connection);
        });
        NewcomerGrace.AddTo(silo.Services);
        silo.AwaitOwnMembership();
        silo.Configure<ClusterOptions>(cluster => (cluster.ClusterId, cluster.ServiceId) = (member.ClusterId, "granary"));
        silo.UseContractVersions();
        silo.Configure<EndpointOptions>(end =>
        {
            end.AdvertisedIPAddress = member.Advertise;
            end.SiloPort = member.SiloPort;
            end.SiloListeningEndpoint = new IPEndPoint(member.Bind, member.SiloPort);

            // No port for Orleans' own clients: there are none.
            end.GatewayPort = 0;
        });
        silo.ReplaceNetwork(static provider => ActivatorUtilities.CreateInstance<MemberSockets>(provider));
        if (member.Certificates is { } certificates)
        {
            MutualTls.Use(silo, certificates);
        }

        silo.Configure<ClusterMembershipOptions>(TellSoon);
        silo.Services.AddSingleton(provider => new SiloLosses(
            LossWatch.NameOf(provider.GetRequiredService<ILocalSiloDetails>().SiloAddress), provider.GetRequiredService<TimeProvider>()));
        silo.Services.TryAddSingleton(TimeProvider.System);
        silo.Services.AddSingleton<LossWatch>();
        silo.Services.AddSingleton<IMetricSource>(provider => provider.GetRequiredService<LossWatch>());
        silo.Services.AddHostedService(provider => provider.GetRequiredService<LossWatch>());
        silo.AddGrainService<MemberService>();
        silo.Services.AddFigures();

        // The runtime tells in its name which share of its names it has, which it does not use.
        silo.Services.AddLogging(logging => logging.AddFilter(typeof(MemberService).FullName, LogLevel.Warning));
        silo.Services.AddSingleton<ClusterMembers>();
        silo.Services.AddSingleton<IMembers>(provider => provider.GetRequiredService<ClusterMembers>());
        silo.Services.AddHostedService(provider => provider.GetRequiredService<ClusterMembers>());
        silo.Services.TryAddSingleton<PublisherAlarms>();
        silo.Services.AddSingleton<ClusterAlarms>();
        silo.Services.AddHostedService(provider => provider.GetRequiredService<ClusterAlarms>());
        silo.Services.AddSingleton<GatewayLease>();
        silo.Services.AddSingleton<Standing>();
        silo.Services.AddSingleton<IFatalErrorHandler, FatalEnd>();
        silo.Services.AddHostedService(provider => ActivatorUtilities.CreateInstance<LeaseKeeper>(provider, member.HasClients));
        if (member.HasClients)
        {
            silo.Services.AddHealthChecks().AddCheck<LeaseHealth>("silos", tags: [HealthTags.Ready]);
        }

        silo.Configure<SiloMessagingOptions>(messages => messages.ResponseTimeout = CallLimit);

        // Orleans' default directory ends the activations that were registered with a member that goes, on whichever silo they are.
#pragma warning disable ORLEANSEXP003 // The directory is called experimental: tests/Cluster says what is expected of it.
        silo.AddDistributedGrainDirectory();
#pragma warning restore ORLEANSEXP003

        // The lease would keep names of a lost silo from being taken again for half a minute; what it guards against, two activations of one queue, the epoch in
        // the store fences.
        silo.Configure<GrainDirectoryOptions>(directory => directory.RangeLeaseDuration = TimeSpan.Zero);
        if (member.HasQueues)
        {
            silo.Services.AddSingleton<ClusterRun>();
            silo.Services.AddSingleton<Owners>();
            silo.Services.AddSingleton<Departures>();
            silo.Services.AddSingleton<IDepartures>(provider => provider.GetRequiredService<Departures>());
            silo.Services.AddHostedService(provider => provider.GetRequiredService<Departures>());
            silo.Services.AddHostedService<Rebalancing>();
            silo.Services.AddSingleton<LeaseBook>();
            silo.Services.AddSingleton<IMemberList, MemberList>();
            silo.Services.AddSingleton<IDatabaseReach>(_ => new PostgresReach(member.Connection));
            silo.Services.AddSingleton<DatabaseWatch>();
            silo.Services.AddHostedService(provider => provider.GetRequiredService<DatabaseWatch>());
        }
        else
        {
            // It places them nevertheless: whoever calls a grain that is nowhere yet does.
            silo.AddSpreadPlacement();
            var own = typeof(ClusterSilo).Assembly;
            silo.Configure<GrainTypeOptions>(grains => grains.Classes.RemoveWhere(grain => grain.Assembly == own));
        }

        return silo;
    }

    /// <summary>
    /// Who is of which version is told by names, and who may join decided by the gate. Calls go to any member, whatever version it is of: with the runtime's other ways a
    /// member of the new version could call nobody until there is a silo of it, and would take from older silos all that it calls.
    /// </summary>
    private static void UseContractVersions(this ISiloBuilder silo)
    {
        silo.Configure<SiloOptions>(options => options.SiloName = ContractVersion.NewMemberName());
        silo.Configure<GrainVersioningOptions>(versions => versions.DefaultCompatibilityStrategy = nameof(AllVersionsCompatible));
        silo.Services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>, VersionGate>();
    }

    /// <summary>A member that is lost is declared dead within about two seconds, one that hangs within five.</summary>
    private static void TellSoon(ClusterMembershipOptions membership)
    {
        membership.ProbeTimeout = TimeSpan.FromSeconds(1);
        membership.NumMissedProbesLimit = 2;
        membership.NumVotesForDeathDeclaration = 1;
        membership.TableRefreshTimeout = TimeSpan.FromSeconds(5);

        // Of a cluster that was lost as a whole nobody is left to say who is dead. Who comes then asks all who are listed, and declares those dead that neither answer nor
        // were heard of in three times this time. That alone is no reason: a member that PostgreSQL is out of reach for answers.
        membership.IAmAliveTablePublishTimeout = AliveEvery;
        membership.NumMissedTableIAmAliveLimit = MostMissed;

        // It keeps a member that hangs for four times as long.
        membership.EnableConnectionLivenessCheck = false;

        // Processes come again under other addresses.
        membership.DefunctSiloExpiration = TimeSpan.FromHours(1);
        membership.DefunctSiloCleanupPeriod = TimeSpan.FromMinutes(10);
    }

    private static string ForMembership(string connection) => new NpgsqlConnectionStringBuilder(connection)
    {
        Pooling = true,
        MinPoolSize = 0,
        MaxPoolSize = ConnectionBudget.Membership,
        ApplicationName = "granary membership",
        Timeout = 5,
        CommandTimeout = 5,
    }.ConnectionString;
}
