using Granary.Core.Certificates;
using Granary.Core.Threads;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Hosting.Cluster.Certificates;

/// <summary>
/// The identity that new connections use: that of the files as they are now, or as they last were of any use. They are read again and again, since what replaces
/// them often replaces a link to a folder, which nobody is told of.
/// </summary>
internal sealed partial class RenewedIdentity(CertificateFiles files, TimeProvider time, ILogger<RenewedIdentity> log) : BackgroundService
{
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(5);

    private readonly Renewed<MemberIdentity> _files = new(() => MemberIdentity.Load(files), () => MemberIdentity.Load(files));

    /// <summary>For a connection that begins now.</summary>
    public MemberIdentity Current => _files.Current;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, time);
        LogUsed(files.Certificate, Current.ValidUntil);
        do
        {
            Look();
        }
        while (await timer.NextAsync(stoppingToken).ConfigureAwait(false));
    }

    private void Look()
    {
        switch (_files.Look(out var reason))
        {
            case Renewal.Used:
                LogRenewed(files.Certificate, Current.ValidUntil);
                break;
            case Renewal.Refused:
                LogNotRenewed(reason, Current.ValidUntil);
                break;
            default:
                break;
        }

        if (_files.IsNewlyDue(time.GetUtcNow()))
        {
            LogExpires(files.Certificate, Current.ValidUntil);
        }
    }

    [LoggerMessage(3401, LogLevel.Information, "Other members know this one by the certificate in {File}, valid until {Until:u}")]
    private partial void LogUsed(string file, DateTimeOffset until);

    [LoggerMessage(3402, LogLevel.Information, "The certificate in {File} was renewed, valid until {Until:u}: new connections to other members use it")]
    private partial void LogRenewed(string file, DateTimeOffset until);

    [LoggerMessage(3403, LogLevel.Warning, "The files of certificates were changed and cannot be used; what they were before is used on, valid until {Until:u}. {Reason}")]
    private partial void LogNotRenewed(string reason, DateTimeOffset until);

    [LoggerMessage(3404, LogLevel.Warning, "The certificate in {File} is due to be renewed: from {Until:u} on, no connection to another member can be opened")]
    private partial void LogExpires(string file, DateTimeOffset until);
}
