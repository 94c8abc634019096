using Granary.Core.Certificates;
using Granary.Core.Threads;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Tls;

/// <summary>What clients that connect now are shown. Those that are connected keep what they were shown.</summary>
internal sealed partial class RenewedTls(TlsOptions options, TimeProvider time, ILogger<RenewedTls> log)
{
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(5);

    private readonly Renewed<TlsIdentity> _files = new(() => TlsIdentity.Load(options), () => TlsIdentity.LoadValid(options, time.GetUtcNow()));

    public TlsOptions Options => options;

    /// <summary>For a connection that begins now.</summary>
    public TlsIdentity Current => _files.Current;

    /// <summary>How often certificate and key were replaced by what cannot be used.</summary>
    public long Refused => _files.Refused;

    /// <summary>Looks at the files until the process stops.</summary>
    public async Task RunAsync(CancellationToken stopping)
    {
        using var timer = new PeriodicTimer(Period, time);
        LogUsed(options.Certificate, Current.ValidUntil);
        do
        {
            Look();
        }
        while (await timer.NextAsync(stopping).ConfigureAwait(false));
    }

    private void Look()
    {
        switch (_files.Look(out var reason))
        {
            case Renewal.Used:
                LogRenewed(options.Certificate, Current.ValidUntil);
                break;
            case Renewal.Refused:
                LogNotRenewed(reason, Current.ValidUntil);
                break;
            default:
                break;
        }

        if (_files.IsNewlyDue(time.GetUtcNow()))
        {
            LogExpires(options.Certificate, Current.ValidUntil);
        }
    }

    [LoggerMessage(1711, LogLevel.Information, "Clients are shown the certificate in {File}, valid until {Until:u}")]
    private partial void LogUsed(string file, DateTimeOffset until);

    [LoggerMessage(1712, LogLevel.Information, "The certificate in {File} was renewed, valid until {Until:u}: clients that connect from now on are shown it")]
    private partial void LogRenewed(string file, DateTimeOffset until);

    [LoggerMessage(1713, LogLevel.Warning, "The certificate or key for clients was changed and cannot be used; what was there before is used on, valid until {Until:u}. {Reason}")]
    private partial void LogNotRenewed(string reason, DateTimeOffset until);

    [LoggerMessage(1714, LogLevel.Warning, "The certificate in {File} is due to be renewed: clients will refuse it from {Until:u} on")]
    private partial void LogExpires(string file, DateTimeOffset until);
}
