//! The words that tell a call from a mention. Tables; all lower case.

/// A table of words, separated by spaces.
pub(super) struct Words(&'static str);

impl Words {
    /// Each of them.
    pub fn all(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.0.split_ascii_whitespace()
    }

    /// Whether `word` (in lower case) is one of them.
    pub fn has(&self, word: &str) -> bool {
        self.0.split_ascii_whitespace().any(|known| known == word)
    }
}

/// Words before a name that only call: they are no part of what is said.
pub(super) const CALLS: Words = Words(
    "hey he k kay hi hello okay ok o.k yo oh ah so well um uh hmm and but now alright right listen say excuse me there hay \
    ey ay eh er all 야 저기 헤이 음 어 안녕 저기요 자 오케이 있잖아",
);

/// Of those, the ones after which whatever follows the name is said to it: "Hey Samantha my light is broken".
pub(super) const GREETINGS: Words = Words("hey hi hello yo hay ey 헤이 야 오케이");

/// Words before a name that call and say something, too: "Please, Samantha, …", "No, Samantha."
pub(super) const ANSWERS: Words = Words(
    "please no yes yeah yep nope thanks thank you stop wait sorry good morning evening night afternoon come on \
    quiet never mind",
);

/// Words after a name that belong to the call: "What time is it, Samantha, please?"
pub(super) const AFTERTHOUGHTS: Words = Words("please thanks thank you now then okay right");

/// Question words that ask at once: "Samantha what time is it?"
pub(super) const ASKING: Words = Words(
    "what what's whats how how's why why's where's who's when's what're whatever what'll how'd",
);

/// Question words that may begin a clause about the name instead; the question mark decides.
pub(super) const RELATIVE: Words = Words("who which whose when where whom that");

/// Auxiliaries; before a pronoun they ask: "Samantha can you hear me?"
pub(super) const AUXILIARIES: Words = Words(
    "is are am was were do does did can could will would shall should may might must have has had isn't aren't \
    wasn't don't doesn't didn't can't couldn't won't wouldn't shouldn't haven't hasn't ain't",
);

/// Pronouns and their like that follow an auxiliary in a question.
pub(super) const SUBJECTS: Words = Words(
    "i you we it he she they there this that these those my your our the anyone anybody someone everything a any",
);

/// Words that begin a sentence of one's own: "Samantha I need help".
pub(super) const OPENINGS: Words = Words(
    "i i'm i'd i'll i've we we're you you're it's there's that's let's please no yes yeah never okay ok thanks \
    thank good sorry hello hi hey stop",
);

/// Verbs in the form that tells to do. Where that is also the past ("set", "put", "read"), telling is likelier.
pub(super) const TELLING: Words = Words(
    "set turn play tell remind stop wait pause resume open close start show give make call send read write add \
    remove delete cancel find search look help explain describe translate spell define calculate count convert \
    compare list name repeat say speak sing talk listen shut be go come get bring take put let keep leave wake \
    sleep switch dim raise lower increase decrease change skip shuffle mute unmute lock unlock check remember \
    forget note schedule book order buy ask answer guess think choose pick recommend suggest summarize try do \
    don't use run finish continue save move join imagine consider shush hush louder quieter slower faster volume \
    navigate announce record quit end pronounce",
);

/// Last words behind which a name can only be called: "What time is it Samantha?", "Turn it off Samantha."
pub(super) const CLOSINGS: Words = Words(
    "it please now today tomorrow tonight you me off again morning night evening afternoon thanks okay ok yes no \
    hello hi hey bye goodbye stop doing",
);

/// Verbs behind which a name is who gets something, or is called so: "What did you tell Samantha?"
pub(super) const GIVING: Words = Words(
    "give tell show call send teach ask name cost bring buy lend pay offer owe promise wish serve feed hand pass email text sell \
     charge",
);

/// Verbs behind which it may be: "What did you make Samantha?"
pub(super) const MAKING: Words =
    Words("make get cook bake draw find read play write sing build leave");

/// Words that want another behind them: "What did you do to Samantha?"
pub(super) const PREPOSITIONS: Words = Words(
    "to for with about of from at on in by like than after before behind without near against as into over under between beside \
     beyond past through toward towards around off up out inside outside onto upon across beneath below above until till during \
     since besides except is are was were be am and or not",
);

/// Words before a thing.
pub(super) const DETERMINERS: Words =
    Words("the a an my your our this that his her their some any");

/// Words before a name that say who somebody is: "my sister Samantha".
pub(super) const PERSONS: Words = Words(
    "sister brother mother father aunt uncle cousin daughter son wife husband girlfriend boyfriend friend neighbour \
    neighbor teacher doctor nurse boss colleague lady girl boy woman man queen king princess prince singer actor actress \
    writer artist name mom mum dad grandma grandpa saint hurricane baby dog cat kid child student real other little \
    late old young famous beautiful great",
);

/// Names of other people: when whisper writes one of them, it is not the name misheard.
pub(super) const NAMES: Words = Words(
    "amanda savannah santa sam sammy samuel miranda santana cassandra sandra matthew agatha tabitha anthony susanna \
    mandy martha samson simon salma sabrina tamara simone melinda belinda peter mary john laura robert julia \
    david emma thomas alice george helen frank claire henry diana oliver grace victor nora walter rachel philip \
    irene patrick monica edward paula stephen theresa andrew veronica daniel caroline jeremy beatrice james \
    michael william richard joseph charles christopher mark donald paul steven kenneth kevin brian ronald \
    timothy jason jeffrey ryan jacob gary nicholas eric jonathan justin scott brandon benjamin gregory alexander \
    jack dennis jerry tyler aaron jose adam nathan zachary kyle noah ethan jordan logan liam mason patricia \
    jennifer linda elizabeth barbara susan jessica sarah karen lisa nancy betty margaret ashley kimberly emily \
    donna michelle carol melissa deborah stephanie rebecca sharon cynthia kathleen amy angela shirley anna \
    brenda pamela nicole katherine samantha christine catherine virginia debra janet maria heather diane ruth \
    julie olivia joyce victoria kelly christina lauren joan evelyn judith megan andrea cheryl hannah jacqueline \
    martin gloria teresa ann sara madison kathryn janice jean abigail sophia judy denise marilyn amber danielle \
    brittany marvin melvin calvin alvin jarvis travis alexa alexis siri lucas luke max leo oscar hugo felix \
    arthur albert alfred anne annie ellen ella eva eve lily lucy molly chloe zoe mia maya mila stella clara rosa \
    rose ruby daisy ivy hazel jasmine jade amelia ava isabella",
);

/// Words that are never a name, and never a name misheard, however near they sound. The commonest of English first.
pub(super) const COMMON: Words = Words(
    "the be to of and a in that have i it for not on with he as you do at this but his by from they we say her \
    she or an will my one all would there their what so up out if about who get which go me when make can like \
    time no just him know take people into year your good some could them see other than then now look only come \
    its over think also back after use two how our work first well way even new want because any these give day \
    most us is are was were been has had did does am yes yeah okay ok hey hi hello please thanks thank sorry \
    stop wait pause right here where why man men woman more many much may must might mine moment money month \
    morning mom mum son sun same seem seems seen someone something somehow sometimes summer cement semantic \
    semantics salmon summon simmer somewhat common human demand command amount mountain ant end own inner annoy \
    sand send sent center said says saying let lets put set sit run ran read tell told turn off too very still \
    should shall never ever every before again down long little old big high small large next early young few \
    public bad able marvel marble margin market marine carbon garden alert arrow area idea maybe always today \
    tomorrow yesterday tonight house home door room water food life world school friend family mother father \
    jarring eleven seven ten three four five six eight nine zero number part place case week company system \
    program question point thing things hand eye lot kind side hour game line member law car city name team \
    minute 이 그 저 네 아니 응 뭐 왜 지금 오늘 내일 어제 여기 거기 진짜 정말 우리",
);
