using System.Net;
using Granary.Core.Access;
using Granary.Core.Grains;
using Granary.Gateway.Links;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Access;

/// <summary>The accounts in the store, asked for at each login: nothing that was once true is believed later.</summary>
internal sealed partial class StoredUsers(IGrainFactory grains, TimeProvider clock, ILogger<StoredUsers> log) : IUsers
{
    /// <summary>Less than clients wait for an answer to their login; longer than it takes until the list is somewhere else when a silo is lost.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(9);

    // For users who are not there: whether they are is not to be told by the time.
    private static readonly string Nobody = PasswordHash.Create("nobody"u8);

    public async ValueTask<bool> AcceptsAsync(string user, ReadOnlyMemory<byte> password, IPAddress? from, CancellationToken cancellation)
    {
        var account = await PatientCall.AskAsync(() => grains.Accounts().FindAsync(user), clock, Patience, LogAgain, cancellation).ConfigureAwait(false);
        var matches = PasswordHash.Matches(account?.PasswordHash ?? Nobody, password.Span);
        return account is not null && matches && (!account.IsForLoopback || Loopback.Includes(from));
    }

    [LoggerMessage(1651, LogLevel.Debug, "The users did not answer; they are asked again")]
    private partial void LogAgain(Exception exception);
}
