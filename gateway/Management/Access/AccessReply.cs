using Granary.Core.Access;
using Granary.Gateway.Management.Frame;

namespace Granary.Gateway.Management.Access;

/// <summary>What became of a change of users, vhosts or permissions, as its client is told.</summary>
internal static class AccessReply
{
    /// <exception cref="ApiException">It was not made.</exception>
    public static void Check(this AccessAnswer answer)
    {
        if (!answer.IsDone)
        {
            throw answer.Outcome switch
            {
                AccessOutcome.Missing => ApiException.NotFound(),
                AccessOutcome.NoSuchUser or AccessOutcome.NoSuchVhost => ApiException.BadRequest("vhost_or_user_not_found"),
                AccessOutcome.Protected => new ApiException(412, "precondition_failed", answer.Reason ?? "protected"),
                _ => ApiException.BadRequest(answer.Reason ?? answer.Outcome.ToString()),
            };
        }
    }

    /// <summary>Answers PUT.</summary>
    /// <param name="wasThere">As looked at before: the first of two answers, which would say so, may be lost.</param>
    public static Task ReplyAsync(this ApiCall call, bool wasThere, AccessAnswer answer)
    {
        answer.Check();
        return call.ReplyPutAsync(isNew: !wasThere);
    }
}
